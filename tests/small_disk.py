"""A real small file system for tests: a tmpfs that only the started program sees. Needs Linux with user namespaces."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


@cache
def is_possible() -> bool:
    """Whether this machine lets a user mount one."""
    if not shutil.which("unshare"):
        return False
    probe = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /tmp"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def run(folder: Path, size: str, program: str, *arguments: str) -> str:
    """What a Python program prints that sees a disk of `size` (`1m`) at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["unshare", "-rm", "sh", "-c", MOUNT, "sh", size, str(folder), sys.executable, "-c", program, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
