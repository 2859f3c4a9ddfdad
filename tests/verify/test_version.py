"""A record that names another version of lorarun: believed where it was merged already, stale where a change brings it.

Its steps are made consistent in every key after them, so that nothing but the version that they name is odd.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from runner.canonical import canonical_json
from runner.errors import ExitCode
from runner.plan.keys import IMPLEMENTATION, Components
from runner.record import codec
from runner.record.model import StepRecord
from runner.shape import build
from runner.store import ssot
from runner.verify.check import check
from tests.verify.campaign import Project
from tests.verify.test_base import commit, git


@pytest.fixture
def project(tmp_path) -> Project:
    """A repository whose branch `main` has the inputs and no record."""
    made = Project(tmp_path / "repo")
    made.root.mkdir()
    git(made.root, "init", "-q", "-b", "main")
    made.write_inputs()
    commit(made)
    git(made.root, "checkout", "-q", "-b", "change")
    made.apply()
    return made


def as_of_version(project: Project, kind: str) -> None:
    """The record with another implementation of one kind of step."""
    record, _ = project.stored(project.names[0])
    steps = tuple(_older(s) if s.kind == kind else s for s in record.steps)
    project.forge(project.names[0], steps=steps)


def _older(step: StepRecord) -> StepRecord:
    return _keyed(step, {**step.components, "implementation": IMPLEMENTATION[step.kind] - 1})


def _of_pillow(step: StepRecord) -> StepRecord:
    return _keyed(step, {**step.components, "environment": {**step.components["environment"], "pillow": "9.9"}})


def _keyed(step: StepRecord, components: dict[str, Any]) -> StepRecord:
    return replace(step, components=components, key=build(Components, components).key)


def as_of_schema_1(project: Project) -> None:
    """The record as the first schema would have it: no observations, memory in its steps."""
    path = ssot.record_path(project.root, project.names[0])
    document = json.loads(path.read_bytes())
    observed = document.pop("observed")
    del document["lorarun"]
    path.unlink()
    ssot.evidence_path(project.root, observed).unlink()
    data = canonical_json({**document, "schema": "lorarun/record/v1"})
    ssot.record_path(project.root, codec.id_of(data)).write_bytes(data)


def found(project: Project, base: str | None):
    report = check(project.root, str(project.spec), base=base)
    return report.exit_code, {f.id: f.status for f in report.findings if f.by_version}


OLDER = {
    "prepare": {"steps", "data"},
    "tune": {"steps"},
    "generate": {"steps", "answers"},
    "score": {"steps", "answers"},
}


@pytest.mark.parametrize("kind", OLDER)
def test_steps_of_another_version_in_a_record_that_a_change_brings_are_stale(project, kind):
    as_of_version(project, kind)
    assert found(project, "main") == (ExitCode.GATE_INCONCLUSIVE, dict.fromkeys(OLDER[kind], "stale"))
    report = check(project.root, str(project.spec), base="main")
    said = [f.message for f in report.findings if f.status == "stale"]
    assert all("made by another version of lorarun: apply again with this one" in m for m in said)


@pytest.mark.parametrize("kind", OLDER)
def test_without_a_base_they_are_said_to_be_unchecked(project, kind):
    as_of_version(project, kind)
    assert found(project, None) == (ExitCode.SUCCESS, dict.fromkeys(OLDER[kind], "unchecked"))


def test_a_record_that_is_on_the_base_outlives_an_upgrade(project):
    as_of_version(project, "score")
    commit(project)
    assert found(project, "HEAD") == (ExitCode.SUCCESS, {"steps": "unchecked", "answers": "unchecked"})


def test_a_second_record_beside_one_of_the_base_is_judged_for_itself(project):
    as_of_version(project, "score")
    commit(project)
    git(project.root, "branch", "-f", "main", "change")
    project.good = 11
    name = project.apply("run-2")
    assert found(project, "main") == (ExitCode.SUCCESS, {})
    project.names = [name]
    as_of_version(project, "score")
    assert found(project, "main")[0] == ExitCode.GATE_INCONCLUSIVE


def test_a_record_of_an_older_schema_is_believed_only_from_the_base(project):
    as_of_schema_1(project)
    assert found(project, None) == (ExitCode.SUCCESS, {"schema": "unchecked"})
    assert found(project, "main") == (ExitCode.GATE_INCONCLUSIVE, {"schema": "stale"})
    commit(project)
    assert found(project, "HEAD") == (ExitCode.SUCCESS, {"schema": "unchecked"})


def test_a_step_that_no_plan_has_is_stale_in_a_record_that_a_change_brings(project):
    record, _ = project.stored(project.names[0])
    tune = next(s for s in record.steps if s.kind == "tune")
    project.forge(project.names[0], steps=(*record.steps, replace(tune, id="tune/other", memory={}, measures={})))
    assert found(project, "main") == (ExitCode.GATE_INCONCLUSIVE, {"steps": "stale"})


def test_words_of_another_version_are_stale_in_a_record_that_a_change_brings(project):
    record, _ = project.stored(project.names[0])
    project.forge(project.names[0], lorarun="0.0.1", verdict={**record.verdict, "reason": "다른 말"})
    assert found(project, "main") == (ExitCode.GATE_INCONCLUSIVE, {"verdict": "stale"})


def judged_by_other_rules(project: Project, **changes: object) -> None:
    record, _ = project.stored(project.names[0])
    verdict = {k: v for k, v in record.verdict.items() if k != "rules"}
    verdict["checks"] = [{**c, "p_value": 0.5} for c in verdict["checks"]]  # a figure of its time
    project.forge(project.names[0], verdict={**verdict, **changes})


def test_the_figures_of_other_rules_are_believed_only_from_the_base(project):
    judged_by_other_rules(project)
    assert found(project, None) == (ExitCode.SUCCESS, {"verdict": "unchecked"})
    assert found(project, "main") == (ExitCode.GATE_INCONCLUSIVE, {"verdict": "stale"})
    commit(project)
    assert found(project, "HEAD") == (ExitCode.SUCCESS, {"verdict": "unchecked"})


@pytest.mark.parametrize("checks", [[], 7, ["x"]])
def test_an_outcome_of_other_rules_that_today_has_another_is_stale_even_from_the_base(project, checks):
    judged_by_other_rules(project, checks=checks)
    commit(project)
    report = check(project.root, str(project.spec), base="HEAD")
    assert report.exit_code == ExitCode.GATE_INCONCLUSIVE
    (one,) = [f for f in report.findings if f.id == "verdict"]
    assert (one.status, one.message[:39]) == ("stale", "judged by other rules (1) than today's ")


def test_an_invented_version_of_a_package_that_reads_images_hides_no_change_of_texts(project):
    record, _ = project.stored(project.names[0])
    first, *others = (_of_pillow(s) if "pillow" in s.components["environment"] else s for s in record.steps)
    first = replace(first, outputs={**first.outputs, "test.marks.jsonl": "sha256:" + "1" * 64})
    environment = {**record.environment, "pillow": "9.9"}
    project.forge(project.names[0], steps=(first, *others), environment=environment)
    report = check(project.root, str(project.spec))
    assert [f.id for f in report.findings if f.status == "failed"] == ["data"]
