"""Limits on single figures, and the memory line, which no quality can outweigh."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from runner.acceptance.model import Check, Measure, Quantity
from runner.acceptance.outcome import end
from runner.acceptance.pairs import exact_mean
from runner.acceptance.wording import count, figure
from runner.spec.model import LimitSpec

PEAK = "memory.peak"
GAPS = "memory.gaps"
MEMORY = "memory"  # the id of the check that `limits.memory` makes


def judge_limit(limit: LimitSpec, measures: Mapping[str, Measure], quantities: Mapping[str, Quantity]) -> Check:
    """The check of one limit. A limit on `memory.peak` is a memory line like `limits.memory`."""
    quantity = quantities.get(limit.metric)
    if quantity is None and limit.metric in measures:
        measure = measures[limit.metric]
        quantity = Quantity(limit.metric, measure.after.value if measure.after.sample_ids else None, measure.info.unit)
    unit = quantity.unit if quantity else ""
    check = Check(
        id=limit.id or limit.metric,
        kind="memory" if limit.metric == PEAK else "limit",
        status="error",
        title=limit.title or limit.id or limit.metric,
        want=_want(limit, unit),
        got="",
        reason="",
        metric=limit.metric,
        details={"min": limit.min, "max": limit.max, "equals": limit.equals, "unit": unit},
    )
    if quantity is None:
        return end(check, "error", "not_measured", f"`{limit.metric}` was never measured")
    return _against(check, limit, quantity, quantities, exact=_exact(limit.metric, quantity, measures))


def _exact(name: str, quantity: Quantity, measures: Mapping[str, Measure]) -> float | None:
    """The value that is compared: the mean of 0.7, 0.7 and 0.7 is 0.7, where a sum of floats falls short of it."""
    for measure in measures.values():
        after = measure.after
        if name in (measure.id, after.metric) and after.value == quantity.value and not after.statistics:
            return float(exact_mean(after)) if after.values else quantity.value
    return quantity.value


def judge_memory(limit_bytes: int, quantities: Mapping[str, Quantity]) -> Check:
    """The check of `limits.memory`: inconclusive where the peak is not known or the sampler was starved."""
    quantity = quantities.get(PEAK) or Quantity(PEAK, None, "bytes", "no step's memory was watched")
    check = Check(
        id=MEMORY,
        kind="memory",
        status="error",
        title="Memory",
        want=f"at most {figure(limit_bytes, 'bytes')}",
        got="",
        reason="",
        metric=PEAK,
        details={"max": limit_bytes, "unit": "bytes"},
    )
    return _against(check, LimitSpec(PEAK, max=limit_bytes), quantity, quantities, exact=quantity.value)


def _want(limit: LimitSpec, unit: str) -> str:
    if limit.equals is not None:
        return f"exactly {figure(limit.equals, unit)}"
    parts = []
    if limit.min is not None:
        parts.append(f"at least {figure(limit.min, unit)}")
    if limit.max is not None:
        parts.append(f"at most {figure(limit.max, unit)}")
    return " and ".join(parts)


def _against(
    check: Check, limit: LimitSpec, quantity: Quantity, quantities: Mapping[str, Quantity], *, exact: float | None
) -> Check:
    value = exact
    if value is None:
        return end(check, "inconclusive", "unknown", quantity.reason or "its value is not known")
    if not math.isfinite(value):
        return end(check, "error", "not_finite", f"its value is {value}")
    check = replace(check, got=figure(value, quantity.unit), after=quantity.value)
    if limit.max is not None and value > limit.max:
        return end(check, "fail", "over", f"{figure(value - limit.max, quantity.unit)} over the limit")
    if limit.min is not None and value < limit.min:
        return end(check, "fail", "under", f"{figure(limit.min - value, quantity.unit)} under the limit")
    if limit.equals is not None and value != limit.equals:
        return end(check, "fail", "differs", f"{figure(value, quantity.unit)}, not {figure(limit.equals)}")
    gaps = quantities.get(GAPS)
    if check.kind == "memory" and gaps is not None and gaps.value:
        reason = f"the sampler was held up {count(int(gaps.value), 'time')}, so a higher peak may have been missed"
        return end(check, "inconclusive", "gaps", reason)
    return end(check, "pass", "within", quantity.reason or "within the limit")
