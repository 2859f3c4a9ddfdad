"""`diff`: paired differences with intervals, and a refusal where records cannot be compared."""

import pytest

from runner.errors import InvalidError
from runner.verify.diff import changes, diff
from tests.verify.campaign import Project


@pytest.fixture
def project(tmp_path) -> Project:
    made = Project(tmp_path, good=6).write_inputs()
    made.apply("run-1")
    return made


def test_a_better_recipe_shows_its_gain_with_an_interval(project):
    project.good = 12
    project.edit_spec("learning_rate: 1e-3", "learning_rate: 2e-3")
    project.apply("run-2")
    found = diff(project.root, *project.names)
    assert [(c.place, c.old, c.new) for c in found.spec] == [("tunes.llama-lora.train.learning_rate", 0.001, 0.002)]
    one = next(m for m in found.metrics if m.id == "summary.fact_recall")
    assert (one.old, one.new, one.n, one.better) == (0.5, 1.0, 12, "higher")
    assert 0 < one.low < 0.5 < one.high <= 1
    assert (found.environment, found.inputs, found.verdicts) == ((), (), ("INCONCLUSIVE", "PASS"))


def test_a_record_compared_with_itself_differs_nowhere(project):
    found = diff(project.root, project.names[0], project.names[0])
    assert (found.spec, found.environment, found.inputs) == ((), (), ())
    assert {(m.low, m.high) for m in found.metrics} == {(0.0, 0.0)}


def test_the_same_comparison_gives_the_same_interval(project):
    project.good = 9
    project.apply("run-2")
    assert diff(project.root, *project.names) == diff(project.root, *project.names)


def test_measures_on_other_samples_are_not_compared(project):
    record, rows = project.stored(project.names[0])
    for row in rows:
        if row["kind"] == "sample":
            row["prompt"] += "!"
    from runner.record import evidence
    from runner.store import ssot

    kept = evidence.collect(r for r in rows if r["kind"] != "memory")
    import dataclasses

    other = dataclasses.replace(record, run_id="x", evidence=kept.digest, parents=())
    name = ssot.append(project.root, other, kept.rows, [r for r in rows if r["kind"] == "memory"])
    with pytest.raises(InvalidError, match="cannot be compared: `chain` was measured on other samples"):
        diff(project.root, project.names[0], name)


def test_a_metric_that_only_one_of_them_has_is_named(project):
    project.edit_spec("metrics: [chain_accuracy, information_retention]", "metrics: [chain_accuracy]")
    project.apply("run-2")
    refused = {m.id: m.refused for m in diff(project.root, *project.names).metrics if m.refused}
    assert refused == {"chain.information_retention": "only one of them measured it"}


def test_every_changed_leaf_is_placed():
    assert [(c.place, c.old, c.new) for c in changes({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": 1}, "d": [2]})] == [
        ("a.c", 2, None),
        ("d", [1], [2]),
    ]
