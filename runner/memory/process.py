"""A process and what it is charged, as values that hold on every system."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Footprint:
    """Bytes that the system charges to one process."""

    now_bytes: int
    highest_bytes: int  # as the kernel saw it: in the process's life, or since it was told to forget


@dataclass(frozen=True)
class Process:
    """A process that can't be mistaken for a later one of the same pid: `started` is the system's own stamp."""

    pid: int
    started: int
