"""What the rehearsals of a run measured on its own models: speeds, memory beside its forecast, fast paths beside plain.

The figures are read by the names that the `rehearse` step gives them; what a record does not have is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.record.model import StepRecord
from runner.report.reading import figure, flat, mapping, text


@dataclass(frozen=True)
class Phase:
    """Memory of one phase, in bytes."""

    name: str
    forecast: float | None
    peak: float | None


@dataclass(frozen=True)
class Path:
    """A fast path against the plain computation."""

    name: str
    equal: bool | None
    difference: float | None  # the greatest of any value
    ratio: float | None  # its time over the plain one's: below 1 is faster
    says: str


@dataclass(frozen=True)
class Rehearsal:
    """One model's rehearsal."""

    model: str
    rates: tuple[tuple[str, float], ...]
    phases: tuple[Phase, ...]
    paths: tuple[Path, ...]
    more: tuple[tuple[str, str], ...]  # whatever else it says, as dotted names
    seconds: float


def rehearsals(steps: Sequence[StepRecord]) -> tuple[Rehearsal, ...]:
    """One for each `rehearse` step that has figures."""
    return tuple(_rehearsal(step) for step in steps if step.kind == "rehearse" and step.measures)


def _rehearsal(step: StepRecord) -> Rehearsal:
    measures = step.measures
    rates = [(k, v) for k, value in mapping(measures.get("rates")).items() if (v := figure(value)) is not None]
    peaks, forecasts = mapping(measures.get("peaks")), mapping(measures.get("forecasts"))
    phases = [Phase(name, figure(forecasts.get(name)), figure(peaks.get(name))) for name in {**peaks, **forecasts}]
    paths = [_path(name, value) for name, value in mapping(measures.get("paths")).items()]
    told = {"rates", "peaks", "forecasts", "paths"}
    rest = {k: v for k, v in measures.items() if k not in told}
    return Rehearsal(
        model=step.id.partition("/")[2],
        rates=tuple(rates),
        phases=tuple(phases),
        paths=tuple(paths),
        more=tuple((k, v) for k, v in flat(rest) if k and v),
        seconds=step.seconds,
    )


def _path(name: str, value: object) -> Path:
    about = mapping(value)
    if not about:
        return Path(name, None, None, None, text(value))
    equal = about.get("equal")
    difference = next(
        (d for k in ("difference", "greatest_difference") if (d := figure(about.get(k))) is not None), None
    )
    ratio = next((r for k in ("ratio", "time_ratio") if (r := figure(about.get(k))) is not None), None)
    return Path(name, equal if isinstance(equal, bool) else None, difference, ratio, text(about.get("reason")))
