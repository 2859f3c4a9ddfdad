"""What rehearsals say of the memory forecast: the very rows that were tried, forecast beside their measured peak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.memory.forecast import RowShape, TuneShape, forecast
from runner.models.facts import facts_of
from runner.plan.model import Step
from runner.run.child import environment_of_child
from runner.spec.model import LoraSpec, ModelSpec, TrainSpec


@dataclass(frozen=True)
class Peak:
    """One tuning that was rehearsed: MLX's own peak beside the forecast of the same rows, in bytes."""

    tune: str
    forecast_bytes: int
    measured_bytes: int


def peaks_of(model: ModelSpec, root: Path, step: Step, report: Mapping[str, Any]) -> tuple[Peak, ...]:
    """What a model's rehearsal measured beside the forecasts of its rows. Traces in a child; loads nothing.

    Raises:
        InvalidError, StepError: as `memory.forecast.forecast`.
    """
    shapes = {t["id"]: _shape(t, report["tunes"][t["id"]]) for t in step.params["tunes"]}
    if not shapes:
        return ()
    found = forecast(
        facts_of(model, root).config,
        dtype=step.params["dtype"],
        tunes=shapes,
        generations={},
        environment=environment_of_child(),
    )
    return tuple(
        Peak(name, candidates[0].peak.peak_bytes, int(report["tunes"][name]["peak_memory_bytes"]))
        for name, candidates in found.tunes.items()
    )


def _shape(entry: Mapping[str, Any], seen: Mapping[str, Any]) -> TuneShape:
    train = TrainSpec(**entry["settings"])
    lora = LoraSpec.of(entry["lora"])
    rows = tuple(
        RowShape(total, answer if train.mask_prompt else total - 1, tuple((f, h, w) for f, h, w in grids))
        for total, answer, grids in seen["shapes"]
    )
    way = (int(train.micro_batch or 1), bool(train.grad_checkpoint))
    return TuneShape(lora, train, rows, (), (way,), shared=int(seen.get("shared_tokens", 0)))
