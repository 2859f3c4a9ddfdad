"""A saved plan is applied as it was read, or refused."""

import dataclasses
import json

import pytest

from runner.errors import ChangedError, IntegrityError, InvalidError
from runner.run.saved import FORMAT, SavedPlan, hold_to_plan, read_plan, write_plan

PLAN = SavedPlan(
    FORMAT,
    "specs/숫자.yaml",
    ("seed=3",),
    ("tune/*",),
    "sha256:r",
    "sha256:p",
    {"dataset/a": "sha256:d"},
    {"mlx": "0.32.4"},
    {"tune/a": "run k"},
)


def test_a_plan_is_read_as_it_was_written(tmp_path):
    write_plan(tmp_path / "plan.json", PLAN)
    assert read_plan(tmp_path / "plan.json") == PLAN
    hold_to_plan(PLAN, PLAN)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sources": {"dataset/a": "sha256:x"}}, "sources.dataset/a"),
        ({"sources": {}}, "sources.dataset/a"),
        ({"environment": {"mlx": "0.33.0"}}, "environment.mlx"),
        ({"steps": {"tune/a": "cached k"}}, "steps.tune/a"),
        ({"steps": {"tune/a": "run k", "tune/b": "run k"}}, "steps.tune/b"),
        ({"policy": "sha256:x"}, "policy"),
        ({"recipe": "sha256:x"}, "recipe"),
        ({"overrides": ()}, "overrides"),
        ({"targets": ()}, "targets"),
    ],
)
def test_a_stale_plan_is_refused_with_what_changed(change, named):
    with pytest.raises(ChangedError, match=f"stale: {named} changed since"):
        hold_to_plan(PLAN, dataclasses.replace(PLAN, **change))


def test_an_edited_plan_is_refused(tmp_path):
    path = tmp_path / "plan.json"
    write_plan(path, PLAN)
    path.write_text(path.read_text(encoding="utf-8").replace("run k", "cached k"), encoding="utf-8")
    with pytest.raises(IntegrityError, match="not a plan as lorarun wrote it"):
        read_plan(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", json.dumps({"format": FORMAT})])
def test_what_is_no_plan_is_refused(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(IntegrityError):
        read_plan(tmp_path / "plan.json")
    with pytest.raises(InvalidError):
        read_plan(tmp_path / "missing.json")
