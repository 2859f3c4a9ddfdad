"""The lines under a memory limit: soft, where the child is asked to shrink, and kill, where its tree is ended."""

from __future__ import annotations

from dataclasses import dataclass

INTERVAL = 0.1  # seconds between samples
LATENCY = 0.05  # seconds from a sample to the last page that a killed process takes
GROWTH = 1.5e9  # bytes a second; training on the CPU backend grew by 0.8 to 1.2e9
GREATEST_MARGIN = 0.25  # of the limit: small limits would have no room left under the kill line
SOFT = 0.92  # of the kill line


@dataclass(frozen=True)
class Lines:
    """Bytes of a process tree: soft < kill < limit."""

    limit_bytes: int
    kill_bytes: int
    soft_bytes: int


def lines_under(limit_bytes: int, *, soft_bytes: int | None = None, growth: float = GROWTH) -> Lines:
    """The lines for a limit. The kill line lies under it by growth × (interval + latency), so that one missed interval
    can't cross the limit; `growth` is in bytes a second.

    Raises:
        ValueError: `limit_bytes` or `soft_bytes` is not positive.
    """
    if limit_bytes <= 0 or (soft_bytes is not None and soft_bytes <= 0):
        raise ValueError(f"memory lines must be positive: limit {limit_bytes}, soft {soft_bytes}")
    margin = min(growth * (INTERVAL + LATENCY), GREATEST_MARGIN * limit_bytes)
    kill = int(limit_bytes - margin)
    soft = int(SOFT * kill) if soft_bytes is None else min(soft_bytes, kill)
    return Lines(limit_bytes, kill, soft)
