"""What Linux charges to processes: resident plus swapped memory, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

from runner.memory.process import Footprint, Process

_PROC = Path("/proc")


def footprint_of(pid: int) -> Footprint | None:
    """VmRSS + VmSwap and the high-water mark of VmRSS; None where the process is gone (0 for a zombie)."""
    try:
        with open(f"/proc/{pid}/status", "rb") as f:  # noqa: PTH123 -- ten times a second: a Path costs as much again
            text = f.read()
    except OSError:
        return None
    return Footprint(_bytes(text, b"VmRSS:") + _bytes(text, b"VmSwap:"), _bytes(text, b"VmHWM:"))


def forget_highest(pid: int) -> bool:
    """Let the high-water mark begin anew at what the process holds now; False where the kernel does not."""
    try:
        (_PROC / str(pid) / "clear_refs").write_text("5")  # proc(5): resets VmHWM
    except OSError:
        return False
    return True


def _bytes(text: bytes, name: bytes) -> int:
    start = text.find(name)
    return int(text[start + len(name) :].split(None, 1)[0]) * 1024 if start >= 0 else 0


def identify(pid: int) -> Process | None:
    """The process that has this pid now; None where there is none or it is a zombie."""
    fields = _stat(pid)
    return Process(pid, int(fields[19])) if fields and fields[0] != "Z" else None


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on (the name before it may hold anything)."""
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def children_of(pid: int) -> tuple[int, ...]:
    """Processes that this one started and that still have it as their parent."""
    found: list[int] = []
    try:
        for task in (_PROC / str(pid) / "task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:
        pass
    return tuple(found)


def session_of(pid: int) -> tuple[int, ...]:
    """Processes of the session that `pid` leads, whoever their parent is; none where it leads no session."""
    try:
        names = os.listdir(_PROC)  # noqa: PTH208 -- names only
    except OSError:
        return ()
    found = []
    for name in names:
        if name.isdigit() and (fields := _stat(int(name))) and int(fields[3]) == pid:
            found.append(int(name))
    return tuple(found)
