"""Tests of runner.run.counted: rows before they are prepared, and what the plan says by them."""

from dataclasses import replace
from pathlib import Path

from runner.run.campaign import Options, plan_campaign
from runner.run.counted import lines_of, tuning_rows
from runner.spec.load import load_spec
from tests.e2e.small_campaign import SPEC, make_project, single_spec, write_spec


def test_a_plan_says_where_frozen_layers_are_kept_by_the_rows_that_it_counted(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    write_spec(project, single_spec("llama-lora"))
    spec = load_spec(project / SPEC, project)
    tune = spec.tunes["llama-lora"]
    assert tuning_rows(spec, tune, project) is None  # no layer is frozen
    tune = replace(tune, lora=replace(tune.lora, num_layers=1), train=replace(tune.train, epochs=2.0))
    spec = replace(spec, tunes={"llama-lora": tune})
    counted = lines_of(spec.datasets[tune.dataset], project)
    rows = tuning_rows(spec, tune, project)
    assert rows == counted["train"] + counted["valid"] > 0
    planned = plan_campaign(spec, project, Options())
    [step] = [s for s in planned.steps if s.kind == "tune"]
    said = dict(step.paths)["cache_frozen_layers"]
    assert said.startswith("on: at most ")
    assert said.endswith(" MB, in memory")


def test_rows_that_cannot_be_counted_are_not_known(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    write_spec(project, single_spec("llama-lora"))
    spec = load_spec(project / SPEC, project)
    tune = replace(spec.tunes["llama-lora"], lora=replace(spec.tunes["llama-lora"].lora, num_layers=1))
    dataset = spec.datasets[tune.dataset]
    (project / dataset.path / dataset.splits["train"]).unlink()
    assert tuning_rows(spec, tune, project) is None
