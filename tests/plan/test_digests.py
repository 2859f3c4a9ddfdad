"""The recipe's digest says which artifacts are made, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.canonical import digest_value, plain
from runner.plan.digests import policy_digest, recipe_digest
from runner.spec.load import load_spec
from runner.spec.model import Limits, MetricSpec, Spec, TargetSpec
from tests.verify.campaign import Project

TRAIN = "train: {learning_rate: 1e-3}"


def swept(project: Project, sweep: str) -> Spec:
    project.write_inputs()
    project.edit_spec("{train: train.jsonl,", "{train: train.jsonl, valid: valid.jsonl,")
    project.edit_spec(TRAIN, f"{TRAIN}{sweep}")
    return load_spec(project.spec, project.root)


def matrix(ranks: str, metric: str) -> str:
    return f", matrix: {{axes: {{lora.rank: [{ranks}]}}, select: {{metric: {metric}}}}}"


def test_a_sweep_its_axes_and_what_it_selects_by_are_the_recipes(tmp_path: Path) -> None:
    project = Project(tmp_path)
    sweeps = ("", matrix("4, 8", "fact_recall"), matrix("4, 8, 16", "fact_recall"), matrix("4, 8", "exact_match"))
    specs = [swept(project, sweep) for sweep in sweeps]
    assert len({recipe_digest(spec) for spec in specs}) == 4
    assert len({policy_digest(spec) for spec in specs}) == 1


def test_a_recipe_without_a_sweep_says_nothing_of_sweeps(tmp_path: Path) -> None:
    """So that records which were made before there were any stay of the recipe that they name."""
    spec = load_spec(Project(tmp_path).write_inputs().spec, tmp_path)
    assert recipe_digest(spec) == digest_value(as_first_digested(spec))


def as_first_digested(spec: Spec) -> dict[str, Any]:
    """The parts of a recipe before there were sweeps, and answers by the packed walk."""
    parts = {p: plain(getattr(spec, p)) for p in ("seed", "models", "datasets", "tunes", "chains", "evaluations")}
    for evaluation in parts["evaluations"].values():
        assert evaluation["generate"].pop("pack") in (True, False)
    return parts


def test_a_key_that_came_later_is_the_recipes_only_where_it_is_not_left_at_its_default(tmp_path: Path) -> None:
    """So that no record is taken for a forged one because the spec's language grew."""
    spec = load_spec(Project(tmp_path).write_inputs().spec, tmp_path)
    name, evaluation = next(iter(spec.evaluations.items()))
    unpacked = _but("evaluations", name, generate=replace(evaluation.generate, pack=False))(spec)
    assert recipe_digest(spec) == digest_value(as_first_digested(spec))
    assert recipe_digest(unpacked) != recipe_digest(spec)
    assert as_first_digested(unpacked) == as_first_digested(spec)


def _but(section: str, name: str, **values: object) -> Callable[[Spec], Spec]:
    def changed(spec: Spec) -> Spec:
        items = getattr(spec, section)
        return replace(spec, **{section: items | {name: replace(items[name], **values)}})

    return changed


def _another_stage_prompt(spec: Spec) -> Spec:
    first, last = spec.chains["both"].stages
    stages = (first, replace(last, prompt="{analysis}"))
    return _but("chains", "both", stages=stages)(spec)


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: replace(spec, seed=20),
        _but("models", "llama", path="models/other"),
        _but("datasets", "texts", prompt="요약: {text}"),
        _but("tunes", "llama-lora", start_from="qwen-lora"),
        _another_stage_prompt,
        _but("evaluations", "text", metrics=(MetricSpec("anls"),)),
    ],
    ids=["seed", "model", "data set", "tune", "chain", "evaluation"],
)
def test_every_section_that_makes_the_artifacts_is_part_of_the_recipe(
    spec: Spec, change: Callable[[Spec], Spec]
) -> None:
    assert recipe_digest(change(spec)) != recipe_digest(spec)
    assert recipe_digest(replace(spec)) == recipe_digest(spec)


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: replace(spec, acceptance=replace(spec.acceptance, targets=(TargetSpec("t", "text.chrf", 0.5),))),
        lambda spec: replace(spec, limits=Limits(memory_bytes=10**9)),
        lambda spec: replace(spec, ssot_fields={"x": "text.chrf"}),
    ],
    ids=["acceptance", "limits", "fields"],
)
def test_a_change_of_how_results_are_judged_is_one_of_the_policy_alone(
    spec: Spec, change: Callable[[Spec], Spec]
) -> None:
    assert policy_digest(change(spec)) != policy_digest(spec)
    assert recipe_digest(change(spec)) == recipe_digest(spec)
