"""Tests of runner.run.choosing: real traces of the demo's models in a child process."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import ResourceError
from runner.models.lock import Lock, LockedTune, lock_path, write_lock
from runner.plan.asked import asked_by
from runner.plan.build import build_steps
from runner.run.choosing import CACHE, choose_all
from runner.spec.load import load_spec
from runner.spec.model import Limits, Spec
from tests.e2e.small_campaign import SPEC, make_project, single_spec, write_spec


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = make_project(tmp_path / "project")
    write_spec(made, single_spec("llama-lora"))
    return made


@pytest.fixture
def spec(project: Path) -> Spec:
    return load_spec(project / SPEC, project)


def test_the_whole_batch_is_taken_where_it_fits_and_the_reason_is_said(project: Path, spec: Spec) -> None:
    asked = asked_by(build_steps(spec))
    chosen = choose_all(spec, project, asked, rows={})
    choice = chosen.tunes["llama-lora"]
    assert (choice.micro_batch, choice.grad_checkpoint) == (8, False)
    assert choice.forecast_bytes is not None
    assert 5e6 < choice.forecast_bytes < 1e9
    assert "the limit of 4.0 GB" in choice.reasons[-1]
    answers = [s for s in build_steps(spec, answers=chosen.answers) if s.kind == "generate"]
    assert answers
    for step in answers:
        assert step.forecast_bytes is not None
        assert 3e6 < step.forecast_bytes < 1e9
        assert "at most need" in step.notes[-1]
        assert step.params["settings"]["batch_size"] is None  # what fits changes no key


def test_a_forecast_is_asked_for_once(project: Path, spec: Spec) -> None:
    choose_all(spec, project, {}, rows={})
    path = project / CACHE
    known = json.loads(path.read_text())
    path.write_text(json.dumps({key: value | {"forecast_bytes": 123} for key, value in known.items()}))
    assert choose_all(spec, project, {}, rows={}).tunes["llama-lora"].forecast_bytes == 123


def test_an_unreadable_cache_is_an_empty_one(project: Path, spec: Spec) -> None:
    (project / CACHE).parent.mkdir(exist_ok=True)
    (project / CACHE).write_text("{")
    assert choose_all(spec, project, {}, rows={}).tunes["llama-lora"].forecast_bytes


def test_a_limit_that_holds_no_tuning_is_said_before_anything_starts(project: Path, spec: Spec) -> None:
    with pytest.raises(ResourceError, match="tune/llama-lora: predicted peak"):
        choose_all(replace(spec, limits=Limits(memory_bytes=1_150_000_000)), project, {}, rows={})


def test_what_the_lock_holds_is_taken_as_it_is(project: Path, spec: Spec) -> None:
    write_lock(project / lock_path(SPEC), Lock(tunes={"llama-lora": LockedTune(2, True)}))
    choice = choose_all(spec, project, {}, rows={}).tunes["llama-lora"]
    assert (choice.micro_batch, choice.grad_checkpoint) == (2, True)
