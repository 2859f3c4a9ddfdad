"""Memory as values: a forecast by phase, and what the guard saw. All in bytes."""

from __future__ import annotations

from dataclasses import dataclass

PAUSES = 200  # so many of the pauses between two samples are kept one by one


@dataclass(frozen=True)
class Forecast:
    """Predicted peak of MLX's allocations in one phase (load, tune, validation, generation)."""

    phase: str
    peak_bytes: int


@dataclass(frozen=True)
class MemoryUse:
    """What the guard saw of one process tree while one step ran."""

    peak_bytes: int
    samples: int
    interval_seconds: float
    gaps: int  # pauses longer than three intervals that may have hidden a peak
    limit_bytes: int | None
    crossed: bool
    events: tuple[str, ...] = ()
    timeline: tuple[tuple[float, int], ...] = ()  # (seconds since the step began, bytes), thinned out
    pauses: tuple[tuple[float, float, int], ...] = ()  # (seconds, length in seconds, 1 if it may have hidden a peak)
