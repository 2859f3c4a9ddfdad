"""A kernel cap behind the guard on Linux: a systemd scope with MemoryMax, which is a cgroup v2 limit.

The kernel counts what the cgroup is charged, page cache included, so the cap lies at the limit itself and the guard's
kill line below it. Not every machine lets a user make a scope: `available` tries it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

_PROGRAM = "systemd-run"
TRIAL_SECONDS = 10.0
NEEDED = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")  # of systemd-run --user


def available() -> str:
    """Why no cap can be set here; "" where one can."""
    if shutil.which(_PROGRAM) is None:
        return f"`{_PROGRAM}` is not installed"
    try:
        trial = subprocess.run(
            capped(["true"], 2**30), capture_output=True, text=True, timeout=TRIAL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`{_PROGRAM}` does not answer: {error}"
    if trial.returncode != 0:
        return (trial.stderr.strip().splitlines() or [f"`{_PROGRAM}` failed"])[0]
    return ""


def capped(command: Sequence[str], limit_bytes: int) -> list[str]:
    """`command` in a scope of its own that the kernel holds to `limit_bytes`, without swap."""
    properties = ["-p", f"MemoryMax={limit_bytes}", "-p", "MemorySwapMax=0"]
    return [_PROGRAM, "--user", "--scope", "--quiet", "--collect", *properties, "--", *command]
