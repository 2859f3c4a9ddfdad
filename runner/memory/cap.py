"""The kernel's own cap on a child, where the system at hand has one; the guard holds the line with or without it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from runner.memory import cap_linux, cap_macos


@dataclass(frozen=True)
class Cap:
    """Whether the kernel can hold a child to a limit here. `unverified`: written from manuals, not run yet."""

    name: str  # systemd scope | taskpolicy | none
    reason: str  # why not; "" where it can
    unverified: bool

    @property
    def works(self) -> bool:
        """Whether `capped` does anything."""
        return not self.reason


_AVAILABLE: dict[str, Callable[[], str]] = {"darwin": cap_macos.available, "linux": cap_linux.available}
_CAPPED: dict[str, Callable[[Sequence[str], int], list[str]]] = {
    "darwin": cap_macos.capped,
    "linux": cap_linux.capped,
}
_NAMES = {"darwin": "taskpolicy", "linux": "systemd scope"}


@cache
def kernel_cap() -> Cap:
    """What this system offers; tried once."""
    system = sys.platform
    if system not in _AVAILABLE:
        return Cap("none", f"there is no cap for {system}", False)
    return Cap(_NAMES[system], _AVAILABLE[system](), unverified=system == "darwin")


def capped(command: Sequence[str], limit_bytes: int | None) -> list[str]:
    """`command` under the kernel's cap where there is one, else as it is."""
    if limit_bytes is None or not kernel_cap().works:
        return list(command)
    return _CAPPED[sys.platform](command, limit_bytes)


def needed() -> tuple[str, ...]:
    """Environment variables without which `capped` can't set the cap; they name the user's service manager."""
    return cap_linux.NEEDED if sys.platform == "linux" and kernel_cap().works else ()


def stay_awake(pid: int) -> subprocess.Popen[bytes] | None:
    """On a Mac, hold off idle sleep until `pid` has ended (its sampler's clock stops in sleep); elsewhere nothing."""
    on_mac = _NAMES.get(sys.platform) == "taskpolicy"
    return cap_macos.stay_awake(pid) if on_mac else None
