"""What macOS charges to processes: phys_footprint, the figure of Activity Monitor and of jetsam.

Written from Apple's headers (sys/resource.h, libproc.h) and not yet run on a Mac: scripts/verify_memory_on_mac.sh
checks it there. Resident size would not do: it leaves out what the GPU holds and what was compressed.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

import psutil

from runner.memory.process import Footprint, Process

_V4 = 4  # struct rusage_info_v4, since macOS 10.13


class _Usage(ctypes.Structure):
    _fields_ = (
        ("uuid", ctypes.c_uint8 * 16),
        *(
            (name, ctypes.c_uint64)
            for name in (
                *("user_time", "system_time", "idle_wakeups", "interrupt_wakeups", "pageins", "wired_size"),
                *("resident_size", "phys_footprint", "start", "exit", "child_user_time", "child_system_time"),
                *("child_idle_wakeups", "child_interrupt_wakeups", "child_pageins", "child_elapsed", "bytes_read"),
                *("bytes_written", "qos_default", "qos_maintenance", "qos_background", "qos_utility", "qos_legacy"),
                *("qos_user_initiated", "qos_user_interactive", "billed_system_time", "serviced_system_time"),
                *("logical_writes", "lifetime_max_phys_footprint", "instructions", "cycles", "billed_energy"),
                *("serviced_energy", "interval_max_phys_footprint", "runnable_time"),
            )
        ),
    )


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL("/usr/lib/libproc.dylib", use_errno=True)


def forget_highest(pid: int) -> bool:
    """Nothing is known here that resets the lifetime maximum of another process."""
    return False


def footprint_of(pid: int) -> Footprint | None:
    """phys_footprint and its highest value in the process's life; None where the process is gone."""
    usage = _Usage()
    if _library().proc_pid_rusage(pid, _V4, ctypes.byref(usage)) != 0:
        return None
    return Footprint(int(usage.phys_footprint), int(usage.lifetime_max_phys_footprint))


def identify(pid: int) -> Process | None:
    """The process that has this pid now; None where there is none or it is a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Process(pid, round(process.create_time() * 1e6))
    except psutil.Error:
        return None


def children_of(pid: int) -> tuple[int, ...]:
    """Processes that this one started and that still have it as their parent."""
    try:
        return tuple(child.pid for child in psutil.Process(pid).children())
    except psutil.Error:
        return ()


def session_of(pid: int) -> tuple[int, ...]:
    """Processes of the session that `pid` leads, whoever their parent is; none where it leads no session."""
    found = []
    for other in psutil.pids():
        try:
            if os.getsid(other) == pid:
                found.append(other)
        except OSError:
            continue
    return tuple(found)
