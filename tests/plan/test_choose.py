"""Tests of runner.plan.choose."""

import pytest

from runner.errors import UsageError
from runner.plan.build import build_steps
from runner.plan.choose import named, needed_by, with_needs
from runner.spec.model import Spec


def test_a_step_is_named_by_its_id_or_by_a_pattern(spec: Spec) -> None:
    steps = build_steps(spec)
    assert named(steps, ["tune/qwen-lora"]) == ("tune/qwen-lora",)
    assert named(steps, ["tune/*"]) == tuple(s.id for s in steps if s.kind == "tune")


def test_a_name_that_no_step_has_is_answered_with_the_nearest(spec: Spec) -> None:
    with pytest.raises(UsageError) as caught:
        named(build_steps(spec), ["tune/qwen-lora", "tune/qwen_lora"])
    assert "did you mean `tune/qwen-lora`" in caught.value.help


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("qwen-lora", "did you mean `lengths/qwen-lora` or `tune/qwen-lora`?"),
        ("tunes", "did you mean `tune/qwen-lora` or `tune/llama-lora` or `tune/chain-lora`?"),
        ("scores", "did you mean `score/*`?"),
        ("튜닝", "steps are called `prepare/…`"),
    ],
)
def test_a_name_that_is_near_nothing_is_answered_with_few_words(spec: Spec, name: str, help: str) -> None:
    with pytest.raises(UsageError) as caught:
        named(build_steps(spec), [name])
    assert caught.value.help.startswith(help)
    assert len(caught.value.help) < 250


def test_a_target_brings_what_it_needs_and_nothing_else(spec: Spec) -> None:
    kept = [s.id for s in with_needs(build_steps(spec), ["tune/chain-lora"])]
    assert kept.index("tune/chain-lora") > kept.index("tune/llama-lora")
    assert {"tune/llama-lora", "tune/qwen-lora", "generate/documents.train/qwen+qwen-lora"} < set(kept)
    assert "lengths/chain-lora" in kept  # it looks at the rows before the weights are loaded
    assert not [s for s in kept if "test" in s or s.startswith("score/")]


def test_what_depends_on_a_step_is_found_through_others(spec: Spec) -> None:
    behind = needed_by(build_steps(spec), "tune/qwen-lora")
    assert {"tune/chain-lora", "score/chain/after", "score/image/after"} < set(behind)
    assert not {"score/text/after", "score/image/before", "tune/qwen-lora"} & set(behind)
