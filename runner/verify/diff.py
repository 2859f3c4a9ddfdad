"""Two records side by side: what was asked otherwise, where it ran otherwise, and what that changed, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.acceptance.model import Measure
from runner.acceptance.pairs import pair_of, problem_of, resample, stream
from runner.errors import InvalidError
from runner.metrics.table import info_of
from runner.record import restore
from runner.record.evidence import Row
from runner.record.model import Record
from runner.spec.model import Spec
from runner.spec.rebuild import spec_of
from runner.store import ssot
from runner.store.find import find_run
from runner.verify.recompute import values_of

RESAMPLES = 9999
CONFIDENCE = 0.95
ARM = "after"


@dataclass(frozen=True)
class Change:
    """One place where two plain documents differ. None is: not there."""

    place: str
    old: Any
    new: Any


@dataclass(frozen=True)
class MetricChange:
    """One metric of both records, over the same samples. `low` and `high` bound new − old at 95 %."""

    id: str
    old: float | None
    new: float | None
    low: float | None
    high: float | None
    n: int
    better: str  # higher | lower | none
    refused: str = ""  # why the two cannot be compared


@dataclass(frozen=True)
class RecordDiff:
    """All differences of two records."""

    old: str
    new: str
    spec: tuple[Change, ...]
    environment: tuple[Change, ...]
    inputs: tuple[Change, ...]  # data and models, by digest
    metrics: tuple[MetricChange, ...]
    verdicts: tuple[str, str]


@dataclass(frozen=True)
class _Side:
    record: Record
    spec: Spec
    rows: tuple[Row, ...]


def diff(root: Path, old: str, new: str) -> RecordDiff:
    """Compare the tuned arms of two records of one project.

    Raises:
        UsageError, NothingToCheckError: a name stands for no run, or for several.
        InvalidError: nothing in them can be compared.
        IntegrityError: a record or its evidence is damaged.
    """
    stored = ssot.records(root)
    first, second = find_run(root, old, stored), find_run(root, new, stored)
    a, b = _side(root, first.record), _side(root, second.record)
    metrics = tuple(_metric(name, a, b) for name in sorted(_measured(a.record) | _measured(b.record)))
    if not any(not m.refused for m in metrics):
        reasons = "; ".join(dict.fromkeys(m.refused for m in metrics)) or "neither has a measure"
        raise InvalidError(f"these records cannot be compared: {reasons}")
    return RecordDiff(
        old=first.id,
        new=second.id,
        spec=changes(a.record.spec, b.record.spec),
        environment=changes(a.record.environment, b.record.environment),
        inputs=changes(
            {"data": a.record.data, "models": a.record.models}, {"data": b.record.data, "models": b.record.models}
        ),
        metrics=metrics,
        verdicts=(str(a.record.verdict.get("status")), str(b.record.verdict.get("status"))),
    )


def changes(old: Any, new: Any, place: str = "") -> tuple[Change, ...]:
    """Where two plain values differ, leaf by leaf."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[Change] = []
        for key in sorted(old.keys() | new.keys()):
            found += changes(old.get(key), new.get(key), f"{place}.{key}" if place else str(key))
        return tuple(found)
    return () if old == new else (Change(place, old, new),)


def _side(root: Path, record: Record) -> _Side:
    return _Side(record, spec_of(record.spec, record.spec_path), ssot.read_evidence(root, record))


def _measured(record: Record) -> set[str]:
    return {f"{evaluation}.{metric}" for evaluation, arm, metric in values_of(record) if arm == ARM}


def _metric(name: str, a: _Side, b: _Side) -> MetricChange:
    evaluation, _, metric = name.partition(".")
    values = [values_of(side.record).get((evaluation, ARM, metric)) for side in (a, b)]
    info = info_of(metric)
    direction = info.direction if info else "none"
    measure, refused = _measure(evaluation, metric, values, a, b)
    if measure is None:
        return MetricChange(name, values[0], values[1], None, None, 0, direction, refused)
    low, high = _interval(measure, a.record.seed)
    return MetricChange(name, values[0], values[1], low, high, len(measure.after.values), direction)


def _measure(
    evaluation: str, metric: str, values: list[float | None], a: _Side, b: _Side
) -> tuple[Measure | None, str]:
    """Both tuned arms as one measure, or why there is none."""
    info = info_of(metric)
    if info is None:
        return None, f"this version of lorarun knows no metric `{metric[:60]}`"
    samples = [restore.samples(side.rows, evaluation) for side in (a, b)]
    if restore.test_data(samples[0]) != restore.test_data(samples[1]):
        return None, f"`{evaluation}` was measured on other samples"
    scores = [
        restore.scores(side.rows, evaluation, ARM, metric, value) if value is not None else None
        for side, value in zip((a, b), values, strict=True)
    ]
    if scores[0] is None or scores[1] is None:
        return None, "only one of them measured it"
    measure = restore.measure(info, samples[0], scores[0], scores[1], evaluation=evaluation)
    problem = problem_of(measure)
    return (None, problem) if problem else (measure, "")


def _interval(measure: Measure, seed: int) -> tuple[float | None, float | None]:
    """Percentile interval of new − old from a paired bootstrap over clusters; None for fewer than two of them."""
    pair = pair_of(measure)
    if pair.clusters < 2:
        return None, None
    drawn = resample(pair, resamples=RESAMPLES, bits=stream(seed, "diff", measure.id))
    ordered = sorted((drawn.after - drawn.before).tolist())
    rank = int((1 - CONFIDENCE) / 2 * (RESAMPLES + 1))
    return float(ordered[rank - 1]), float(ordered[-rank])
