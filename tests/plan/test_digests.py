"""The recipe's digest says which artifacts are made, and nothing else."""

from __future__ import annotations

from pathlib import Path

from runner.canonical import digest_value, plain
from runner.plan.digests import policy_digest, recipe_digest
from runner.spec.load import load_spec
from runner.spec.model import Spec
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
    parts = ("seed", "models", "datasets", "tunes", "chains", "evaluations")
    assert recipe_digest(spec) == digest_value({part: plain(getattr(spec, part)) for part in parts})
