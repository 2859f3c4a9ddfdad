"""Tests of runner.run.counted: rows before they are prepared, and what the plan says by them."""

import sys
from collections import Counter
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
    assert tuning_rows(spec, project) == {tune.id: None}  # no layer is frozen
    tune = replace(tune, lora=replace(tune.lora, num_layers=1), train=replace(tune.train, epochs=2.0))
    spec = replace(spec, tunes={"llama-lora": tune})
    counted = lines_of(spec.datasets[tune.dataset], project)
    rows = tuning_rows(spec, project)[tune.id]
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
    spec, dataset = replace(spec, tunes={tune.id: tune}), spec.datasets[tune.dataset]
    (project / dataset.path / dataset.splits["train"]).unlink()
    assert tuning_rows(spec, project) == {tune.id: None}


def test_a_data_set_is_read_once_however_many_tunings_learn_from_it(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    write_spec(project, single_spec("llama-lora"))
    spec = load_spec(project / SPEC, project)
    tune = replace(spec.tunes["llama-lora"], lora=replace(spec.tunes["llama-lora"].lora, num_layers=1))
    spec = replace(spec, tunes={name: replace(tune, id=name) for name in ("a", "b", "c")})
    train, opened = Path(spec.datasets[tune.dataset].splits["train"]).name, Counter[str]()

    def count(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            opened[Path(str(arguments[0])).name] += 1

    sys.addaudithook(count)  # stays until the end: a hook cannot be taken away
    assert len(set(tuning_rows(spec, project).values()) - {None}) == 1
    assert opened[train] == 1
