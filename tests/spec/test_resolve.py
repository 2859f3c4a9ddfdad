"""`runner/spec/resolve.py`: the resolved document is the spec, and its defaults are those of the values."""

import json
from dataclasses import fields, replace

import pytest

from runner.canonical import plain
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


TWO = """
acceptance:
  targets:
    - {id: quality, metric: summary.rougeL, min_improvement: 15%%}
    - {id: more, metric: %s, min_improvement: 15%%}
"""


def two_targets(second: str, *overrides: str) -> list[float]:
    text = SMALL.replace(SMALL[SMALL.index("acceptance:") :], "").replace("[rougeL,", "[rougeL, rougeLsum,")
    text = text.replace("tunes:\n", "tunes:\n  other: {model: llama, dataset: pairs}\n")
    other = "  again: {subject: lora, dataset: pairs, metrics: [rougeL, failure_rate]}\n"
    other += "  apart: {subject: other, dataset: pairs, metrics: [rougeL]}\n"
    spec = read(text + other + (TWO % second).lstrip("\n"), *overrides)
    return [target.confidence for target in spec.acceptance.targets]


def test_targets_of_one_evaluation_are_proven_at_a_higher_confidence_as_a_lone_one_is():
    assert [target.confidence for target in read(SMALL).acceptance.targets] == [0.98]
    assert two_targets("summary.rougeLsum") == [0.98, 0.98]
    assert two_targets("apart.rougeL") == [0.95, 0.95]


def test_the_same_answers_under_another_name_are_no_second_proof():
    assert two_targets("again.rougeL") == [0.98, 0.98]


@pytest.mark.parametrize("kept_open", ["on_inconclusive=warn", "proof=estimate"])
def test_a_target_that_asks_for_no_proof_makes_that_of_another_no_easier(kept_open):
    assert two_targets("apart.rougeL", f"acceptance.targets.more.{kept_open}") == [0.98, 0.98]


def test_a_confidence_that_is_written_is_kept_of_a_lone_target_and_of_several():
    assert two_targets("summary.rougeLsum", "acceptance.defaults={confidence: 0.9}") == [0.9, 0.9]
    assert two_targets("summary.rougeLsum", "acceptance.targets.more.confidence=0.95") == [0.98, 0.95]


def test_lora_settings_are_read_back_from_plain_data():
    lora = LoraSpec(type="dora", rank=4, target_modules=("q_proj", "v_proj"), vision=True)
    assert LoraSpec.of(json.loads(json.dumps(plain(lora)))) == lora


def test_a_tune_that_is_swept_over_runs_as_its_variants():
    swept, plain_one = read(SWEEP), read(SMALL)
    name = next(iter(swept.sweeps))
    assert [t.lora.rank for t in swept.variants_of(name)] == [4, 8]
    assert list(swept.all_tunes) == [f"{name}@rank=4", f"{name}@rank=8"]
    assert plain_one.all_tunes == plain_one.tunes
