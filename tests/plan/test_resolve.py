"""Tests of runner.plan.resolve and runner.plan.keys."""

import dataclasses
from dataclasses import replace

import pytest

from runner.plan.build import build_steps
from runner.plan.keys import components
from runner.plan.resolve import make_plan
from runner.spec.model import EvaluationSpec, Metadata, MetricSpec, Spec, TargetSpec
from tests.plan.project import ENVIRONMENT, Project


@pytest.fixture
def project(spec: Spec) -> Project:
    made = Project()
    made.run(spec)
    return made


def with_train(spec: Spec, tune: str, **values: object) -> Spec:
    old = spec.tunes[tune]
    return replace(spec, tunes=spec.tunes | {tune: replace(old, train=replace(old.train, **values))})


def test_an_unchanged_spec_runs_nothing(spec: Spec, project: Project) -> None:
    assert project.run(spec) == []
    assert project.plan(spec).to_run == ()


def test_changing_epochs_reruns_only_the_steps_after_it(spec: Spec, project: Project) -> None:
    ran = project.run(with_train(spec, "llama-lora", epochs=5.0))
    assert "tune/llama-lora" in ran
    assert not [s for s in ran if s.startswith("prepare/") or s in ("tune/qwen-lora", "score/image/after")]
    assert "score/text/after" in ran
    assert "score/text/before" not in ran


def test_the_reason_names_the_setting_and_its_line(spec: Spec, project: Project) -> None:
    old = spec.tunes["qwen-lora"]
    changed = replace(spec, tunes=spec.tunes | {"qwen-lora": replace(old, lora=replace(old.lora, rank=16))})
    step = next(s for s in project.plan(changed).steps if s.step.id == "tune/qwen-lora")
    assert [(r.code, r.text, r.location) for r in step.reasons] == [("spec", "lora.rank 8 → 16", "specs/small.yaml:12")]


def test_steps_behind_one_that_runs_wait_for_its_output(spec: Spec, project: Project) -> None:
    plan = project.plan(with_train(spec, "llama-lora", epochs=5.0))
    step = next(s for s in plan.steps if s.step.id == "score/text/after")
    assert (step.action, step.key) == ("upstream", "")


def test_an_output_that_came_out_equal_stops_the_cascade(spec: Spec, project: Project) -> None:
    project.same_output = {"tune/llama-lora"}
    project.run(with_train(spec, "llama-lora", epochs=4.0))
    assert project.run(with_train(spec, "llama-lora", epochs=5.0)) == ["tune/llama-lora"]


def test_a_threshold_a_title_and_a_memory_limit_rerun_nothing(spec: Spec, project: Project) -> None:
    target = TargetSpec("t", "image.fact_recall", 0.5)
    changed = replace(
        spec,
        acceptance=replace(spec.acceptance, targets=(target,)),
        metadata=Metadata("small", title="다른 제목"),
        limits=replace(spec.limits, memory_bytes=10**9),
    )
    assert project.run(changed) == []


def test_another_metric_only_scores_again(spec: Spec, project: Project) -> None:
    old = spec.evaluations["image"]
    more = replace(old, metrics=(*old.metrics, MetricSpec("anls")))
    ran = project.run(replace(spec, evaluations=spec.evaluations | {"image": more}))
    assert set(ran) == {"score/image/before", "score/image/after", "baselines/image"}


def test_changed_weights_rerun_what_uses_them(spec: Spec, project: Project) -> None:
    project.sources["checkpoint/llama"] = "other weights"
    plan = project.plan(spec)
    reasons = {s.step.id: {r.code for r in s.reasons} for s in plan.to_run}
    assert reasons["tune/llama-lora"] == {"input"}
    assert "tune/qwen-lora" not in reasons


def test_a_new_scoring_package_does_not_retrain(spec: Spec, project: Project) -> None:
    project.environment["rapidfuzz"] = "4"
    assert {s.step.kind for s in project.plan(spec).to_run} == {"score", "baselines"}


def test_a_change_of_the_environment_is_named(spec: Spec, project: Project) -> None:
    project.environment["mlx"] = "0.33.0"
    step = next(s for s in project.plan(spec).steps if s.step.id == "tune/qwen-lora")
    assert [(r.code, r.text) for r in step.reasons] == [("environment", "mlx 0.32.4 → 0.33.0")]


def test_a_kept_environment_takes_what_is_there(spec: Spec, project: Project) -> None:
    project.environment["mlx"] = "0.33.0"
    known = project.known(spec)
    known.keep_environment = True
    assert make_plan(spec, build_steps(spec), known).to_run == ()


def test_a_kept_environment_keeps_nothing_that_other_settings_made(spec: Spec, project: Project) -> None:
    project.environment["mlx"] = "0.33.0"
    old = spec.tunes["qwen-lora"]
    changed = replace(spec, tunes=spec.tunes | {"qwen-lora": replace(old, lora=replace(old.lora, rank=16))})
    known = project.known(changed)
    known.keep_environment = True
    step = next(s for s in make_plan(changed, build_steps(changed), known).steps if s.step.id == "tune/qwen-lora")
    assert (step.action, {r.code for r in step.reasons}) == ("run", {"spec", "environment"})


def test_every_part_of_a_key_changes_it(spec: Spec) -> None:
    step = next(s for s in build_steps(spec) if s.id == "tune/qwen-lora")
    outputs = {(n.step, n.file): "digest" for n in step.needs}
    base = components(step, outputs=outputs, sources={"checkpoint/qwen": "w"}, environment=ENVIRONMENT)
    assert base is not None
    others = [
        replace(base, kind="generate"),
        replace(base, implementation=99),
        replace(base, params=base.params | {"seed": 20}),
        replace(base, inputs=base.inputs | {"train": "other"}),
        replace(base, environment=base.environment | {"mlx": "other"}),
    ]
    assert len({c.key for c in (base, *others)}) == 6


def test_the_same_answers_under_another_name_are_not_made_again(spec: Spec, project: Project) -> None:
    old = spec.evaluations["image"]
    twin = EvaluationSpec("twin", "qwen-lora", "images", "test", old.metrics, dataclasses.replace(old.generate))
    ran = project.run(replace(spec, evaluations=spec.evaluations | {"twin": twin}))
    assert ran == []
