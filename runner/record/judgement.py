"""Evidence rows and step records → measures, quantities, verdict: one way to judge, for `apply` and for `check`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.acceptance.judge import judge
from runner.acceptance.model import Measure, Quantity, Verdict
from runner.metrics.table import METRICS
from runner.record import restore
from runner.record.evidence import Row
from runner.record.model import StepRecord
from runner.spec.model import Spec

Values = Mapping[tuple[str, str, str], float]  # (evaluation, arm, metric) → aggregate


def measures_of(spec: Spec, rows: Sequence[Row], values: Values) -> dict[str, Measure]:
    """Every metric that was measured before and after, by `<evaluation>.<metric>`.

    Raises:
        IntegrityError: rows contradict each other.
    """
    measures: dict[str, Measure] = {}
    for evaluation in spec.evaluations.values():
        found = restore.samples(rows, evaluation.id)
        for metric in evaluation.metrics:
            arms = [
                restore.scores(rows, evaluation.id, arm, metric.id, values[(evaluation.id, arm, metric.id)])
                for arm in ("before", "after")
                if (evaluation.id, arm, metric.id) in values
            ]
            if len(arms) == 2 and arms[0] and arms[1]:
                measure = restore.measure(METRICS[metric.name], found, arms[0], arms[1], evaluation=evaluation.id)
                measures[measure.id] = measure
    # A record keeps its spec in canonical order, so the order of sections may not decide anything.
    return dict(sorted(measures.items()))


def quantities_of(measures: Mapping[str, Measure], steps: Iterable[StepRecord]) -> dict[str, Quantity]:
    """What a limit can be set on: every measure after tuning, by its full and its short name, and memory.

    A short name (`determinism`) stands for the worst value over the evaluations that measured it.
    """
    found = {m.id: Quantity(m.id, m.after.value, m.info.unit) for m in measures.values()}
    for measure in measures.values():
        name, value = measure.after.metric, measure.after.value
        known = found.get(name)
        if known is None or known.value is None or measure.info.sign * (value - known.value) < 0:
            found[name] = Quantity(name, value, measure.info.unit)
    return {**found, **memory_quantities(tuple(steps))}


def memory_quantities(steps: Sequence[StepRecord]) -> dict[str, Quantity]:
    """The greatest peak of any step, the sampler's gaps, and by what share of it a peak passed its forecast."""
    peaks = [_number(s.memory, "peak_bytes") for s in steps]
    known = [p for p in peaks if p is not None]
    gaps = sum(_number(s.memory, "gaps") or 0 for s in steps)
    errors = [
        max(0.0, real - forecast) / real  # a forecast is of the longest rows: only a peak above it is an error
        for s in steps
        if (forecast := _lowest(s.memory, "forecast_bytes", "rows_forecast_bytes")) is not None
        and (real := _number(s.memory, "mlx_peak_bytes"))
    ]
    return {
        "memory.peak": Quantity(
            "memory.peak", max(known) if known else None, "bytes", "" if known else "no step's memory was watched"
        ),
        "memory.gaps": Quantity("memory.gaps", gaps),
        "memory.forecast_error": Quantity(
            "memory.forecast_error", max(errors) if errors else None, "", "" if errors else "no step had a forecast"
        ),
    }


def _lowest(values: Mapping[str, Any], *names: str) -> float | None:
    return min((n for name in names if (n := _number(values, name)) is not None), default=None)


def _number(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def verdict_of(
    spec: Spec,
    measures: Mapping[str, Measure],
    quantities: Mapping[str, Quantity],
    *,
    attempts: Mapping[str, Sequence[str]],
    failures: Sequence[str],
) -> Verdict:
    """The verdict of a campaign. `attempts` maps test data to the records that opened it before this one."""
    return judge(
        spec.acceptance,
        spec.scorecard,
        measures,
        quantities,
        memory_limit_bytes=spec.limits.memory_bytes,
        attempts={data: len(records) for data, records in attempts.items()},
        failures=failures,
        seed=spec.seed,
    )
