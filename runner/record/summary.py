"""The fields that other systems read from a record: `<name>_before`, `<name>_after`, `quality_metrics`, …"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.acceptance.model import Measure, Verdict
from runner.metrics.model import sign_of

ARMS = ("before", "after")


def improvement(before: float, after: float, direction: str) -> float | None:
    """Relative change in per cent, in the metric's own direction: + is better. None where before is 0."""
    if before == 0:
        return None
    change = 100.0 * (after - before) / abs(before)
    return sign_of(direction) * change


def summarise(ssot_fields: Mapping[str, str], measures: Mapping[str, Measure], verdict: Verdict) -> dict[str, Any]:
    """The top level of `Record.summary`.

    `ssot_fields` names measures (`{"qwen_accuracy": "image_analysis.fact_recall"}`): each gives `<name>_before` and
    `<name>_after`, None where the measure is missing. `quality_metrics` holds every measure; `improvement_percentage`
    one figure a named field (and None where its baseline is 0).
    """
    summary: dict[str, Any] = {}
    gains: dict[str, float | None] = {}
    for name, measure_id in ssot_fields.items():
        measure = measures.get(measure_id)
        summary[f"{name}_before"] = measure.before.value if measure else None
        summary[f"{name}_after"] = measure.after.value if measure else None
        gains[name] = _gain(measure) if measure else None
    summary["quality_metrics"] = {
        measure.id: {
            "before": measure.before.value,
            "after": measure.after.value,
            "improvement_percentage": _gain(measure),
            "direction": measure.info.direction,
            "unit": measure.info.unit,
            "n": len(measure.after.sample_ids),
        }
        for measure in measures.values()
    }
    summary["improvement_percentage"] = gains
    summary["verdict"] = verdict.status
    if verdict.scorecard is not None:
        card = verdict.scorecard
        summary["scorecard"] = {
            "name": card.name,
            "baseline": card.baseline,
            "total": card.total,
            "target": card.target,
        }
    return summary


def _gain(measure: Measure) -> float | None:
    return improvement(measure.before.value, measure.after.value, measure.info.direction)
