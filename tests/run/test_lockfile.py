"""What a lock holds of fast paths: decided in the plan, pinned by measurement, held from then on."""

from pathlib import Path

import pytest

from runner.cli.plan_text import plan_json, plan_text
from runner.errors import ChangedError
from runner.models.lock import lock_path, read_lock
from runner.run.campaign import Options, Planned, plan_campaign
from runner.run.lockfile import hold_to_lock, keep_lock, pin_paths
from runner.spec.load import load_spec
from runner.spec.model import Spec
from tests.run import mini

SLOWER = "off: it takes 1.40 times as long here"


def spec_of(root: Path) -> Spec:
    return load_spec(root / mini.SPEC_PATH, root)


def planned(root: Path) -> Planned:
    return plan_campaign(spec_of(root), root, Options())


def settings(made: Planned, step: str) -> dict:
    """What a step's key holds of the spec."""
    return next(s.params for s in made.steps if s.id == step)


def test_the_paths_of_a_tuning_are_in_its_plan_its_parameters_and_its_lock(fresh: Path) -> None:
    made = planned(fresh)
    assert "path: packed on\n" in plan_text(made.plan)
    assert "path: cache_frozen_layers off: adapters reach the first layer" in plan_text(made.plan)
    tune = next(s for s in made.steps if s.kind == "tune")
    assert [s["paths"] for s in plan_json(made.plan)["steps"] if s["id"] == tune.id] == [dict(tune.paths)]
    assert tune.params["train"]["share_prefix"] is True
    keep_lock(spec_of(fresh), fresh, made.survey, made.steps)
    locked = read_lock(fresh / lock_path(mini.SPEC_PATH))
    assert locked is not None
    assert locked.tunes["llama-lora"].paths_taken == dict(tune.paths)


def test_a_pinned_path_stays_off_and_is_part_of_the_tunings_key_alone(fresh: Path) -> None:
    spec, before = spec_of(fresh), planned(fresh)
    keep_lock(spec, fresh, before.survey, before.steps)
    pin_paths(spec, fresh, {"llama-lora": {"packed": SLOWER, "share_prefix": "on"}})
    after = planned(fresh)
    assert f"path: packed {SLOWER}" in plan_text(after.plan)
    changed = [s.id for s in before.steps if settings(before, s.id) != settings(after, s.id)]
    assert changed == ["tune/llama-lora"]
    keep_lock(spec, fresh, after.survey, after.steps)
    pin_paths(spec, fresh, {"llama-lora": {"packed": "on"}})
    assert dict(next(s for s in planned(fresh).steps if s.kind == "tune").paths)["packed"] == SLOWER


def test_a_path_that_is_planned_otherwise_is_no_run_of_the_lock(fresh: Path) -> None:
    spec, before = spec_of(fresh), planned(fresh)
    keep_lock(spec, fresh, before.survey, before.steps)
    hold_to_lock(spec, fresh, before.survey, before.steps)
    path = fresh / mini.SPEC_PATH
    path.write_text(path.read_text().replace("save_every: 1,", "save_every: 1, pack: false,"), encoding="utf-8")
    after = planned(fresh)
    with pytest.raises(ChangedError, match=r"paths_taken\.packed: locked on, found off: `pack: false`"):
        hold_to_lock(spec_of(fresh), fresh, after.survey, after.steps)
