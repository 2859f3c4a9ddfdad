"""The steps of a record, found again from what the record says alone."""

import dataclasses
from pathlib import Path

import pytest

from runner.errors import IntegrityError, UsageError
from runner.plan.keys import Components
from runner.plan.model import Need, Source
from runner.record.model import StepRecord
from runner.store import ssot
from runner.verify.again import chosen, steps_of, with_missing_parents
from tests.record.test_codec import RECORD

ROOT = Path(__file__).parents[2]
MODEL, DATA = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def made(name: str, inputs: dict[str, str], outputs: dict[str, str], **changes) -> StepRecord:
    parts = Components(name.partition("/")[0], 1, {"p": 1}, inputs, {})
    fields = {"key": parts.key, "components": dataclasses.asdict(parts), **changes}
    step = StepRecord(name, parts.kind, "", "run", (), {}, outputs, {}, {}, 0.1)
    return dataclasses.replace(step, **fields)


PREPARE = made("prepare/b", {"dataset": DATA}, {"train.jsonl": "sha256:rows"})
TUNE = made("tune/x", {"model": MODEL, "train": "sha256:rows"}, {"adapters.safetensors": "sha256:adapter"})
RUN = dataclasses.replace(
    RECORD,
    models={"llama": {"digest": MODEL}},
    data={"a": {"digest": DATA}, "b": {"digest": DATA}},
    steps=(PREPARE, TUNE),
)


def test_inputs_are_found_by_their_digests():
    prepare, tune = steps_of(RUN)
    assert prepare.sources == (Source("dataset", "dataset", "b"),)  # of two equal data sets, its own
    assert tune.needs == (Need("train", "prepare/b", "train.jsonl"),)
    assert (tune.sources, tune.group) == ((Source("model", "checkpoint", "llama"),), "llama")


def test_the_projects_own_records_can_be_replayed():
    for one in ssot.records(ROOT):
        if one.record.kind == "campaign":
            measured = {s.id for s in one.record.steps if s.kind == "rehearse"}
            done = [s.id for s in one.record.steps if s.action in ("run", "cached") and s.id not in measured]
            assert [s.id for s in steps_of(one.record)] == done


@pytest.mark.parametrize(
    "step",
    [
        dataclasses.replace(TUNE, key="a" * 64),
        dataclasses.replace(TUNE, components={}),
        dataclasses.replace(TUNE, components={**TUNE.components, "params": {"p": 2}}),
        dataclasses.replace(TUNE, id="tune/../../x"),
        dataclasses.replace(TUNE, id="tune//x"),
        dataclasses.replace(TUNE, id="/tune/x"),
        dataclasses.replace(TUNE, id="generate/x"),
        made("tune/y", {"model": "sha256:unknown"}, {}),
    ],
)
def test_a_step_that_no_run_made_is_refused(step):
    with pytest.raises(IntegrityError):
        steps_of(dataclasses.replace(RUN, steps=(PREPARE, step)))


def test_steps_are_chosen_by_pattern():
    steps = steps_of(RUN)
    assert [s.id for s in chosen(steps, ["tune/*"])] == ["tune/x"]
    assert chosen(steps, []) == steps
    with pytest.raises(UsageError, match="no finished step `tun`"):
        chosen(steps, ["tun"])


def test_inputs_that_are_not_here_are_made_first():
    steps = steps_of(RUN)
    [tune] = chosen(steps, ["tune/*"])
    assert with_missing_parents(steps, [tune], {"prepare/b"}) == (tune,)
    assert with_missing_parents(steps, [tune], ()) == steps


def test_numbers_have_the_types_of_the_spec_again():
    """Canonical JSON has one number type; an adapter's configuration says 0.0 and not 0."""
    parts = Components("tune", 1, {"lora": {"dropout": 0, "rank": 8}, "seed": 3}, {"model": MODEL}, {})
    tune = made("tune/x", {"model": MODEL}, {}, key=parts.key, components=dataclasses.asdict(parts))
    [step] = steps_of(dataclasses.replace(RUN, steps=(tune,)))
    assert repr(step.params) == "{'lora': {'dropout': 0.0, 'rank': 8}, 'seed': 3}"


def test_failed_steps_and_rehearsals_are_not_run_again():
    failed = dataclasses.replace(TUNE, action="failed")
    assert [s.id for s in steps_of(dataclasses.replace(RUN, steps=(PREPARE, failed)))] == ["prepare/b"]
