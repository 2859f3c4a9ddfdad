"""Tests of runner.plan.build."""

import dataclasses
import itertools

import pytest

from runner.plan.build import build_steps
from runner.plan.model import Step
from runner.spec.model import GenerateSpec, MetricSpec, ModelSpec, Spec, SweepSpec


def steps(spec: Spec) -> dict[str, Step]:
    return {s.id: s for s in build_steps(spec)}


def needs(step: Step) -> dict[str, str]:
    return {n.role: n.step for n in step.needs}


def test_every_step_comes_after_the_steps_it_needs(spec: Spec) -> None:
    seen: set[str] = set()
    for step in build_steps(spec):
        assert {n.step for n in step.needs} <= seen
        seen.add(step.id)


def test_a_chain_is_tuned_on_the_real_answers_of_the_tuned_stage_before(spec: Spec) -> None:
    found = needs(steps(spec)["tune/chain-lora"])
    assert found["train.analysis"] == "generate/documents.train/qwen+qwen-lora"
    assert found["valid.analysis"] == "generate/documents.valid/qwen+qwen-lora"
    assert found["start_adapter"] == "tune/llama-lora"


def test_the_test_split_is_read_by_no_tuning(spec: Spec) -> None:
    all_steps = steps(spec)
    waiting = [s for s in all_steps.values() if s.kind == "tune"]
    while waiting:
        step = waiting.pop()
        assert not any("test" in n.file or ".test/" in n.step for n in step.needs)
        waiting += [all_steps[n.step] for n in step.needs]


def test_an_answer_needed_by_several_arms_is_one_step(spec: Spec) -> None:
    ids = [s.id for s in build_steps(spec)]
    assert ids.count("generate/documents.test/qwen+qwen-lora") == 1
    assert not any("~" in i for i in ids)


def test_evaluations_that_differ_in_their_repeats_share_their_main_answers(spec: Spec) -> None:
    other = dataclasses.replace(
        spec.evaluations["text"],
        id="again",
        metrics=(MetricSpec("consistency"), MetricSpec("rouge1")),
        generate=GenerateSpec(consistency_samples=7, determinism_samples=3),
    )
    found = steps(dataclasses.replace(spec, evaluations=spec.evaluations | {"again": other}))
    scored, again = needs(found["score/text/after"]), needs(found["score/again/after"])
    assert scored["completions"] == again["completions"] == "generate/texts.test/llama+llama-lora"
    assert scored["completions.determinism"] == "generate/texts.test/llama+llama-lora/determinism"
    assert again["completions.consistency"] == "generate/texts.test/llama+llama-lora/consistency"
    assert found[again["completions.consistency"]].params["settings"]["consistency_samples"] == 7
    settings = found[again["completions"]].params["settings"]
    assert "max_tokens" in settings
    assert not any(key.startswith(("consistency", "determinism")) for key in settings)


def test_paraphrases_are_asked_in_a_step_of_their_own_with_their_columns(spec: Spec) -> None:
    asked = dataclasses.replace(
        spec.evaluations["text"], metrics=(MetricSpec("prompt_consistency"),), paraphrases=("{title}: {prompt}",)
    )
    found = steps(dataclasses.replace(spec, evaluations=spec.evaluations | {"text": asked}))
    step = found[needs(found["score/text/before"])["completions.prompt_consistency"]]
    assert step.params["paraphrases"] == ["{title}: {prompt}"]
    assert "title" in found["prepare/texts"].params["columns"]
    assert found["generate/texts.test/llama"].params["paraphrases"] == []


def test_a_reference_stage_is_not_run(spec: Spec) -> None:
    step = steps(spec)["generate/documents.test/reference,llama+chain-lora"]
    assert step.params["references"] == {"analysis": "analysis"}
    assert not any(n.role.startswith("upstream") for n in step.needs)


def test_a_reference_stage_is_not_asked_what_was_kept_of_its_answers(spec: Spec) -> None:
    chain = spec.evaluations["chain"]
    metrics = (*chain.metrics, MetricSpec("information_retention"))
    asked = dataclasses.replace(
        spec, evaluations=spec.evaluations | {"chain": dataclasses.replace(chain, metrics=metrics)}
    )
    names = {
        i: [m["name"] for m in s.params["metrics"]] for i, s in steps(asked).items() if i.startswith("score/chain/")
    }
    with_retention = {i for i, found in names.items() if "information_retention" in found}
    assert "score/chain/after" in with_retention
    assert with_retention == {i for i in names if "/reference," not in i} != set(names)


def test_only_the_first_stage_sees_the_images(spec: Spec) -> None:
    found = steps(spec)
    assert found["generate/documents.test/qwen"].params["images"]
    assert not found["generate/documents.test/qwen,llama"].params["images"]
    assert not found["tune/chain-lora"].params["images"]


def test_a_models_weights_are_loaded_once_for_all_steps_that_can_wait_for_each_other(spec: Spec) -> None:
    groups = [s.group for s in build_steps(spec) if s.group]
    changes = sum(a != b for a, b in itertools.pairwise(groups))
    assert changes == 1


def test_a_generate_step_knows_nothing_of_references(spec: Spec) -> None:
    for step in build_steps(spec):
        if step.kind == "generate":
            assert all(n.file != "test.jsonl" for n in step.needs)


def test_all_arms_repeat_the_same_samples(spec: Spec) -> None:
    image = [s for s in steps(spec).values() if s.id.startswith("generate/images.test/qwen") and "," not in s.id]
    repeated = [s.params["stream"] for s in image if s.params["repeat"] == "determinism"]
    assert len(repeated) == 2
    assert len(set(repeated)) == 1


def test_params_hold_no_path_of_a_model(spec: Spec) -> None:
    moved = dataclasses.replace(spec, models=spec.models | {"llama": ModelSpec("llama", "llama", "elsewhere/l")})
    assert [s.params for s in build_steps(moved)] == [s.params for s in build_steps(spec)]


@pytest.fixture
def swept(spec: Spec) -> Spec:
    base = spec.tunes["qwen-lora"]
    variants = tuple(
        dataclasses.replace(base, id=f"qwen-lora@rank={rank}", lora=dataclasses.replace(base.lora, rank=rank))
        for rank in (4, 8)
    )
    values = ({"lora.rank": 4}, {"lora.rank": 8})
    sweep = SweepSpec("qwen-lora", variants, values, MetricSpec("fact_recall"), GenerateSpec())
    return dataclasses.replace(spec, sweeps={"qwen-lora": sweep})


def test_a_sweep_tunes_every_variant_and_only_its_winner_goes_on(swept: Spec) -> None:
    found = steps(swept)
    assert "tune/qwen-lora" not in found
    assert needs(found["generate/images.test/qwen+qwen-lora"])["adapter"] == "select/qwen-lora"
    assert set(needs(found["select/qwen-lora"]).values()) == {
        "tune/qwen-lora@rank=4",
        "tune/qwen-lora@rank=8",
        "score/qwen-lora@rank=4/valid",
        "score/qwen-lora@rank=8/valid",
    }


def test_no_variant_of_a_sweep_meets_the_test_split(swept: Spec) -> None:
    for step in build_steps(swept):
        if "@" in step.id:
            assert ".test" not in step.id
            assert not any(n.file.startswith("test.") for n in step.needs)


def test_the_tokens_of_all_rows_that_are_known_are_counted_before_any_model_is_loaded(spec: Spec) -> None:
    built = build_steps(spec)
    kinds = [s.kind for s in built]
    first = next(i for i, s in enumerate(built) if s.group)
    assert kinds[:first].count("lengths") == 2
    ids = [s.id for s in built]
    assert ids.index("lengths/chain-lora") < ids.index("tune/chain-lora")
    counted, tuned = steps(spec)["lengths/chain-lora"], steps(spec)["tune/chain-lora"]
    assert needs(counted) == {role: step for role, step in needs(tuned).items() if role != "start_adapter"}


def test_answers_without_a_model_are_scored_beside_every_evaluation_of_quality(spec: Spec) -> None:
    found = steps(spec)
    step = found["baselines/text"]
    assert [m["name"] for m in step.params["metrics"]] == ["fact_recall"]
    assert needs(step)["completions.before"] == "generate/texts.test/llama"
    assert needs(step)["completions.after"] == "generate/texts.test/llama+llama-lora"
    counted = dataclasses.replace(spec.evaluations["text"], metrics=(MetricSpec("failure_rate"),))
    assert "baselines/text" not in steps(dataclasses.replace(spec, evaluations={"text": counted}))


def test_answers_are_held_to_the_fewest_tokens_that_an_evaluation_gives(spec: Spec) -> None:
    text = dataclasses.replace(spec.evaluations["text"], id="short", generate=GenerateSpec(max_tokens=9))
    found = steps(dataclasses.replace(spec, evaluations=spec.evaluations | {"short": text}))
    assert found["lengths/llama-lora"].params["max_tokens"] == 9
    assert found["lengths/chain-lora"].params["max_tokens"] == GenerateSpec().max_tokens
    assert steps(dataclasses.replace(spec, evaluations={}))["lengths/llama-lora"].params["max_tokens"] is None
