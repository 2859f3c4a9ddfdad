"""Kernel values of macOS, by name."""

from __future__ import annotations

import platform
import subprocess
from functools import cache

_PROGRAM = "/usr/sbin/sysctl"


@cache
def read(name: str) -> str | None:
    """The value as text; None on other systems and for names that this kernel does not know."""
    if platform.system() != "Darwin":
        return None
    try:
        done = subprocess.run([_PROGRAM, "-n", name], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def read_integer(name: str) -> int | None:
    """The value as a whole number; None where it is not one."""
    text = read(name)
    return int(text) if text is not None and text.isdigit() else None
