"""`runner/spec/resolve.py`: the resolved document is the spec, and its defaults are those of the values."""

import json
from dataclasses import fields, replace

import pytest

from runner.spec.load import load_spec
from runner.spec.model import (
    DatasetSpec,
    GenerateSpec,
    GuardSpec,
    LoraSpec,
    ModelSpec,
    TargetSpec,
    TrainSpec,
)
from runner.spec.schema import GUARDS, TARGET_DEFAULTS
from runner.spec.schema_recipe import DATASET, GENERATE, LORA, MODEL, TRAIN
from runner.spec.units import share
from tests.spec.broken import BASE
from tests.spec.specs import ROOT, SMALL, read, with_tune

SWEEP = with_tune("matrix: {axes: {lora.rank: [4, 8]}, select: {metric: rougeL}}")


@pytest.mark.parametrize(
    "text",
    [SMALL, BASE, SWEEP, *(p.read_text(encoding="utf-8") for p in sorted((ROOT / "specs").glob("*.yaml")))],
)
def test_the_resolved_document_read_again_is_the_same_spec(text):
    first = read(text, root=ROOT)
    second = read(json.dumps(first.document, ensure_ascii=False))
    bare = {"positions": {}, "warnings": (), "texts": {}}
    assert replace(first, **bare) == replace(second, **bare)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (LORA, LoraSpec),
        (TRAIN, TrainSpec),
        (GENERATE, GenerateSpec),
        (MODEL, ModelSpec),
        (DATASET, DatasetSpec),
        (TARGET_DEFAULTS, TargetSpec),
        (GUARDS, GuardSpec),
    ],
)
def test_the_schemas_defaults_are_those_of_the_values(keys, value):
    for field in fields(value):
        rules = keys.get(field.name, {})
        if "default" not in rules or field.name == "splits":
            continue
        ours = rules["default"]
        if rules.get("meta", {}).get("unit") == "share":
            ours = share(ours)
        elif ours == "auto" and "auto" in rules.get("meta", {}).get("words", []):
            ours = None
        assert field.default == (tuple(ours) if isinstance(ours, list) else ours), field.name


def test_short_names_of_metrics_become_their_ids():
    spec = read(SMALL.replace("[rougeL,", "[{name: rougeL, unit: word},"))
    assert spec.acceptance.targets[0].metric == "summary.rougeL(unit=word)"


def test_a_tune_of_a_stage_has_the_stages_model():
    assert read(BASE).tunes["chain-lora"].model == "llama"


def test_units_become_bytes_seconds_and_shares():
    spec = load_spec(ROOT / "specs" / "ticket019.yaml", ROOT)
    limit = spec.acceptance.limits[0]
    assert (limit.id, limit.max, spec.limits.wall_time_seconds) == ("memory_peak", 20e9, 28800.0)
    assert spec.acceptance.guards is not None
    assert (spec.acceptance.guards.max_regression, spec.acceptance.guards.max_observed_drop) == (0.0, 0.05)
