"""A kernel cap behind the guard on macOS, and a Mac that stays awake while a campaign runs.

Written from the manual pages (taskpolicy(8), caffeinate(8)) and not yet run on a Mac: scripts/verify_memory_on_mac.sh
checks both there. `taskpolicy -m` sets a memory limit in MiB on phys_footprint beyond which the process is ended.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

_TASKPOLICY = "/usr/sbin/taskpolicy"
_CAFFEINATE = "/usr/bin/caffeinate"
MEBIBYTE = 2**20


def available() -> str:
    """Why no cap can be set here; "" where one can."""
    return "" if Path(_TASKPOLICY).exists() else f"`{_TASKPOLICY}` is not there"


def capped(command: Sequence[str], limit_bytes: int) -> list[str]:
    """`command` with a limit of its own, rounded down to whole MiB."""
    return [_TASKPOLICY, "-m", str(limit_bytes // MEBIBYTE), *command]


def stay_awake(pid: int) -> subprocess.Popen[bytes] | None:
    """Hold off idle sleep until process `pid` has ended; None where macOS has no such program."""
    if not Path(_CAFFEINATE).exists():
        return None
    return subprocess.Popen([_CAFFEINATE, "-i", "-w", str(pid)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
