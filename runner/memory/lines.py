"""The lines under a memory limit: soft, where the child is asked to shrink, and kill, where its tree is ended."""

from __future__ import annotations

from dataclasses import dataclass

INTERVAL = 0.1  # seconds between samples
LATENCY = 0.05  # seconds from a sample to the last page that a killed process takes
GROWTH = 1.5e9  # bytes a second; training on the CPU backend grew by 0.8 to 1.2e9
GREATEST_MARGIN = 0.25  # of the limit: small limits would have no room left under the kill line
STARVED_MARGIN = 0.4  # of the limit, where the sampler is late or the tree grows faster than was thought
SOFT = 0.92  # of the kill line
HOLD = 10.0  # seconds for which what was once seen is reckoned with, ever less


@dataclass(frozen=True)
class Lines:
    """Bytes of a process tree: soft < kill < limit."""

    limit_bytes: int
    kill_bytes: int
    soft_bytes: int


def lines_under(
    limit_bytes: int,
    *,
    soft_bytes: int | None = None,
    growth: float = GROWTH,
    seen_growth: float = 0.0,
    late: float = 0.0,
) -> Lines:
    """The lines for a limit. The kill line lies under it by growth × (interval + latency), so that one missed interval
    can't cross the limit. `growth` is in bytes a second; `seen_growth` is what was measured, `late` by how many seconds
    the sampler was late: where they are more than was reckoned with, the line comes down.

    Raises:
        ValueError: `limit_bytes` or `soft_bytes` is not positive.
    """
    if limit_bytes <= 0 or (soft_bytes is not None and soft_bytes <= 0):
        raise ValueError(f"memory lines must be positive: limit {limit_bytes}, soft {soft_bytes}")
    planned = min(growth * (INTERVAL + LATENCY), GREATEST_MARGIN * limit_bytes)
    needed = max(growth, seen_growth) * (INTERVAL + max(LATENCY, late))
    margin = (
        max(planned, min(needed, STARVED_MARGIN * limit_bytes)) if late > LATENCY or seen_growth > growth else planned
    )
    kill = int(limit_bytes - margin)
    soft = int(SOFT * kill) if soft_bytes is None else min(soft_bytes, kill)
    return Lines(limit_bytes, kill, soft)


class Lately:
    """The greatest of the values of the last seconds: a value counts less and less, and after `HOLD` not at all."""

    def __init__(self) -> None:
        self._value = 0.0
        self._at = 0.0

    def note(self, value: float, now: float) -> None:
        """`value` was seen at `now`, in seconds of any clock."""
        if value >= self.at(now):
            self._value, self._at = value, now

    def at(self, now: float) -> float:
        """What is still to be reckoned with; never below 0."""
        return max(0.0, self._value * (1.0 - (now - self._at) / HOLD))
