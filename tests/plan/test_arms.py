"""Tests of runner.plan.arms."""

from runner.plan.arms import arms_of, separate_tune
from runner.spec.model import Spec


def choices(spec: Spec, evaluation: str) -> dict[str, tuple[str, ...]]:
    return {arm.id: arm.choices for arm in arms_of(spec, spec.evaluations[evaluation])}


def test_a_single_tune_is_measured_without_and_with_its_adapter(spec: Spec) -> None:
    assert choices(spec, "image") == {"before": ("base",), "after": ("qwen-lora",)}


def test_a_chain_is_measured_with_every_combination_of_its_stages(spec: Spec) -> None:
    found = choices(spec, "chain")
    assert found["before"] == ("base", "base")
    assert found["after"] == ("qwen-lora", "chain-lora")
    assert {"base>llama-lora", "base>chain-lora", "qwen-lora>base", "qwen-lora>llama-lora"} <= set(found)


def test_a_stage_with_reference_texts_is_also_taken_as_perfect(spec: Spec) -> None:
    assert {"reference>base", "reference>chain-lora"} <= set(choices(spec, "chain"))


def test_the_separate_tune_of_a_chain_tune_is_what_it_started_from(spec: Spec) -> None:
    assert separate_tune(spec, spec.chains["both"].stages[1]) == "llama-lora"
    assert separate_tune(spec, spec.chains["both"].stages[0]) == ""


def test_no_combination_is_measured_twice(spec: Spec) -> None:
    found = [arm.choices for arm in arms_of(spec, spec.evaluations["chain"])]
    assert len(found) == len(set(found))
