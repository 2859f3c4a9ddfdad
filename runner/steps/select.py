"""`select`: take the best variant of a sweep by its score on held-out rows; only the winner goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

from runner.errors import IntegrityError
from runner.files import read_json, write_json
from runner.metrics.model import sign_of
from runner.plan.names import ADAPTER, ADAPTER_CONFIG
from runner.steps.context import StepRequest, StepResult, Surroundings


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write the winner's adapter and `selection.json`. The first of equal variants wins."""
    params = request.params
    values = {v: _value(request.inputs[f"scores.{v}"], params["metric"]) for v in params["variants"]}
    sign = sign_of(params["direction"])
    winner = max(values, key=lambda v: sign * values[v])
    folder = request.inputs[f"adapter.{winner}"].parent
    for name in (ADAPTER, ADAPTER_CONFIG):
        shutil.copyfile(folder / name, request.out / name)
    measures = {"winner": winner, "metric": params["metric"], "values": values, "variants": params["variants"]}
    write_json(request.out / "selection.json", measures)
    return StepResult(measures)


def _value(path: Path, metric: str) -> float:
    found = [float(s["value"]) for s in read_json(path) if s["metric"] == metric]
    if len(found) != 1:
        raise IntegrityError(f"`{path}` holds {len(found)} values of {metric}, not one")
    return found[0]
