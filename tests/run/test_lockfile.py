"""What a lock holds of fast paths: decided in the plan, pinned by measurement, held from then on."""

from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from runner.cli.plan_text import plan_text
from runner.errors import ChangedError
from runner.models.lock import lock_path, read_lock
from runner.plan.paths import Pins
from runner.run.campaign import Options, Planned, plan_campaign
from runner.run.lockfile import hold_to_lock, keep_lock, pin_paths
from runner.run.outlook import outlook
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


def paths(made: Planned, step: str) -> dict[str, str]:
    return dict(next(s.paths for s in made.steps if s.id == step))


def test_the_paths_of_a_tuning_are_in_its_plan_its_parameters_and_its_lock(fresh: Path) -> None:
    made = planned(fresh)
    tune = next(s for s in made.steps if s.kind == "tune")
    assert tune.params["train"]["share_prefix"] is True
    assert tune.params["train"]["cache_frozen_layers"] is False
    seen = outlook(spec_of(fresh), fresh, made.plan, made.survey)
    said = click.unstyle(plan_text(made.plan, seen, now=datetime(2026, 1, 1, tzinfo=UTC)))
    assert "fast paths: packed, share_prefix; not cache_frozen_layers (adapters reach the first layer)" in said
    keep_lock(spec_of(fresh), fresh, made.survey, made.steps)
    locked = read_lock(fresh / lock_path(mini.SPEC_PATH))
    assert locked is not None
    assert locked.tunes["llama-lora"].paths_taken == dict(tune.paths)


def test_a_pinned_path_stays_off_and_is_part_of_the_keys_of_tuning_and_forecast(fresh: Path) -> None:
    spec, before = spec_of(fresh), planned(fresh)
    keep_lock(spec, fresh, before.survey, before.steps)
    pin_paths(spec, fresh, Pins({"llama-lora": {"packed": SLOWER, "share_prefix": "on"}}))
    after = planned(fresh)
    assert paths(after, "tune/llama-lora")["packed"] == SLOWER
    changed = [s.id for s in before.steps if settings(before, s.id) != settings(after, s.id)]
    assert changed == ["forecast/llama", "tune/llama-lora"]
    keep_lock(spec, fresh, after.survey, after.steps)
    pin_paths(spec, fresh, Pins({"llama-lora": {"packed": "on"}}))
    assert paths(planned(fresh), "tune/llama-lora")["packed"] == SLOWER


def test_answers_that_differ_in_a_batch_are_made_one_by_one_from_then_on(fresh: Path) -> None:
    spec, before = spec_of(fresh), planned(fresh)
    keep_lock(spec, fresh, before.survey, before.steps)
    pin_paths(spec, fresh, Pins(answers={"llama": {"batch": "off: 3 of 8 answers differ"}}))
    after = planned(fresh)
    keep_lock(spec, fresh, after.survey, after.steps)
    assert paths(planned(fresh), "generate/reports.test/llama")["batch"] == "off: 3 of 8 answers differ"
    settled = settings(planned(fresh), "generate/reports.test/llama")["settings"]
    assert (settled["batch_size"], settled["share_prefix"]) == (1, True)


def test_a_path_that_is_planned_otherwise_is_no_run_of_the_lock(fresh: Path) -> None:
    spec, before = spec_of(fresh), planned(fresh)
    keep_lock(spec, fresh, before.survey, before.steps)
    hold_to_lock(spec, fresh, before.survey, before.steps)
    path = fresh / mini.SPEC_PATH
    path.write_text(path.read_text().replace("save_every: 1,", "save_every: 1, pack: false,"), encoding="utf-8")
    after = planned(fresh)
    with pytest.raises(ChangedError, match=r"paths_taken\.packed: locked on, found off: `pack: false`"):
        hold_to_lock(spec_of(fresh), fresh, after.survey, after.steps)
