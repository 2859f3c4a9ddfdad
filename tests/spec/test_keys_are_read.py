"""No key of the spec may exist that nothing acts on."""

import ast
import dataclasses
from functools import cache

import pytest

from runner.plan.build import build_steps
from runner.spec import model
from runner.spec.schema_recipe import DATASET, EVALUATION, GENERATE, LORA, MODEL, STAGE, TRAIN
from tests.spec.broken import BASE
from tests.spec.specs import ROOT, read

TRAINING = "tunes.qwen-lora.train"
# A place of the base, its keys, and keys that are no part of a step's own settings: what they name is read instead.
RECIPE = {
    "models.llama": (MODEL, {"path", "revision"}),
    "datasets.images": (DATASET, {"path", "source", "splits", "prompt", "image", "facts"}),
    "tunes.chain-lora.lora": (LORA, set()),
    TRAINING: (TRAIN, set()),
    "evaluations.image.generate": (GENERATE, set()),
    "evaluations.image": (EVALUATION, {"subject", "dataset", "metrics", "generate"}),
    "chains.사슬.stages.summary": (STAGE, {"id", "model", "adapter"}),
}
TOGETHER = {f"{TRAINING}.weight_decay": "optimizer=adamw", f"{TRAINING}.share_prefix": "micro_batch=1"}
POLICY = [
    model.Metadata,
    model.DependsOn,
    model.Limits,
    model.RehearsalSpec,
    model.TargetSpec,
    model.GuardSpec,
    model.LimitSpec,
    model.PillarSpec,
    model.ScorecardSpec,
    model.AcceptanceSpec,
    model.SweepSpec,
    model.Spec,
]


def other(rules: dict) -> str:
    """A valid value that is not the default."""
    kinds = [rules["type"]] if isinstance(rules["type"], str) else rules["type"]
    if "allowed" in rules:
        return str(next(v for v in rules["allowed"] if v not in (rules.get("default"), "")))
    if "integer" in kinds:
        low = int(rules.get("min", 0))
        return str(next(n for n in range(low + 1, low + 3) if n != rules.get("default")))
    if "boolean" in kinds:
        return str(rules["default"] is not True).lower()
    if "number" in kinds:
        return f"{(rules['min'] + rules['max']) / 7}"
    return "[up_proj]" if "list" in kinds else "other"


def plan(*sets: str) -> list[dict]:
    text = BASE.replace("start_from: llama-lora, ", "").replace(
        "anls, response_length]",
        "anls, consistency, prompt_consistency, determinism, response_length], paraphrases: ['{prompt}']",
    )
    return [dataclasses.asdict(step) for step in build_steps(read(text, *sets))]


@pytest.mark.parametrize(
    ("place", "key"), [(p, k) for p, (keys, besides) in RECIPE.items() for k in keys if k not in besides]
)
def test_changing_a_key_of_the_recipe_changes_a_step(place, key):
    beside = [f"{place}.{TOGETHER[f'{place}.{key}']}"] if f"{place}.{key}" in TOGETHER else []
    value = "문서 {analysis}" if key == "prompt" else other(RECIPE[place][0][key])
    assert plan(*beside, f"{place}.{key}={value}") != plan(*beside)


@cache
def words_outside_of_the_spec_room() -> frozenset[str]:
    """Every attribute that is read, and every text, in the code of the other rooms."""
    found = set()
    for path in (ROOT / "runner").rglob("*.py"):
        if path.parent.name in ("spec", "scaffold"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


@pytest.mark.parametrize("value", POLICY, ids=lambda value: value.__name__)
def test_every_field_of_the_policy_is_read_by_some_room(value):
    names = {field.name for field in dataclasses.fields(value)}
    assert names - words_outside_of_the_spec_room() == set()
