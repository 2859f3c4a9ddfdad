"""Tests of runner.steps.select."""

import json
from pathlib import Path

import pytest

from runner.steps.context import StepRequest, Surroundings
from runner.steps.table import run_step


def no_engine(*_: object) -> None:
    raise AssertionError("no model is needed")


def selected(tmp_path: Path, values: dict[str, float], direction: str = "higher") -> Path:
    inputs = {}
    for name, value in values.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "adapters.safetensors").write_text(name)
        (folder / "adapter_config.json").write_text("{}")
        (folder / "scores.json").write_text(json.dumps([{"metric": "cer", "value": value}]))
        inputs |= {f"scores.{name}": folder / "scores.json", f"adapter.{name}": folder / "adapters.safetensors"}
    out = tmp_path / "out"
    out.mkdir()
    params = {"metric": "cer", "direction": direction, "variants": {name: {} for name in values}}
    request = StepRequest(
        id="select/x",
        kind="select",
        params=params,
        inputs=inputs,
        out=out,
        checkpoint=tmp_path / "checkpoint",
        root=tmp_path,
    )
    run_step(request, Surroundings(no_engine, lambda: None, lambda _: None, lambda: False, no_engine))
    return out


@pytest.mark.parametrize(("direction", "winner"), [("higher", "b"), ("lower", "a")])
def test_the_best_in_the_metrics_own_direction_wins(tmp_path: Path, direction: str, winner: str) -> None:
    out = selected(tmp_path, {"a": 0.1, "b": 0.9, "c": 0.5}, direction)
    assert (out / "adapters.safetensors").read_text() == winner
    assert json.loads((out / "selection.json").read_text())["winner"] == winner


def test_the_first_of_equals_wins(tmp_path: Path) -> None:
    out = selected(tmp_path, {"z": 0.5, "a": 0.5})
    assert (out / "adapters.safetensors").read_text() == "z"
