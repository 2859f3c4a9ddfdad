"""How much memory this machine has for one process tree, in bytes."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from runner.machine.sysctl import read_integer

_MEMINFO = Path("/proc/meminfo")
_CGROUP_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def total_bytes() -> int | None:
    """Installed memory, or the container's limit where that is lower; None where it cannot be read."""
    if sys.platform == "darwin":
        return read_integer("hw.memsize")
    installed = meminfo_bytes("MemTotal")
    limits = [n for n in (_cgroup_limit(path) for path in _CGROUP_FILES) if n is not None]
    found = [n for n in (installed, *limits) if n is not None]
    return min(found) if found else None


def available_bytes() -> int | None:
    """Memory that could be taken without swapping, as the kernel estimates it; None where it cannot be read."""
    if sys.platform == "darwin":
        pages, size = read_integer("vm.page_free_count"), read_integer("hw.pagesize")
        return pages * size if pages is not None and size is not None else None
    return meminfo_bytes("MemAvailable")


def gpu_working_set_bytes() -> int | None:
    """What a Mac lets the GPU wire: the limit that was set, else Apple's default share; None on other systems.

    The default is two thirds up to 36 GiB of memory and three quarters above. The engines ask Metal itself; this is
    for the processes that do not load MLX.
    """
    total = total_bytes() if sys.platform == "darwin" else None
    if total is None:
        return None
    megabytes = read_integer("iogpu.wired_limit_mb")
    if megabytes:
        return megabytes * 2**20
    return total * 2 // 3 if total <= 36 * 2**30 else total * 3 // 4


def given_bytes() -> int | None:
    """What this machine can give to MLX: on a Mac no more than its GPU may wire; None where it cannot be read."""
    return min((n for n in (total_bytes(), gpu_working_set_bytes()) if n is not None), default=None)


def give_back() -> None:
    """Return what this process has freed to the system, where its C library keeps some of it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(ctypes.c_size_t(0))


def meminfo_bytes(name: str) -> int | None:
    """One line of /proc/meminfo, in bytes."""
    try:
        text = _MEMINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name and value.split()[:1] and value.split()[0].isdigit():
            return int(value.split()[0]) * 1024
    return None


def _cgroup_limit(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    # "max" is version 2's word for no limit; version 1 writes a number near 2**63.
    return int(text) if text.isdigit() and int(text) < 2**60 else None
