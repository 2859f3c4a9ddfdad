"""Records that leave out what went badly, and evidence with rows that nothing asked for."""

import dataclasses

import pytest

from runner.canonical import plain
from runner.errors import ExitCode
from runner.record import judgement, restore
from runner.record.summary import summarise
from runner.spec.load import load_spec
from runner.verify.check import CheckReport, check
from runner.verify.recompute import values_of
from tests.verify.campaign import Project

GUARDS = "guards: {metrics: [summary.rougeL, summary.chrf], max_regression: 0}"


@pytest.fixture
def project(tmp_path) -> Project:
    """A campaign whose target is met; its guards hold every metric of quality."""
    made = Project(tmp_path).write_inputs()
    made.edit_spec(GUARDS, "guards: {metrics: quality, max_regression: 0}")
    made.apply()
    return made


def without(project: Project, *metrics: str) -> CheckReport:
    """The record judged again as if these had never been measured, and checked."""
    record, rows = project.stored(project.names[0])
    kept = [r for r in rows if f"{r.get('evaluation')}.{r.get('metric')}" not in metrics]
    left = dataclasses.replace(record, measures={k: v for k, v in record.measures.items() if k not in metrics})
    spec = load_spec(project.spec, project.root)
    measures = judgement.measures_of(spec, kept, values_of(left))
    quantities = judgement.quantities_of(measures, left.steps)
    verdict = judgement.verdict_of(spec, measures, quantities, attempts=record.attempts, failures=())
    project.forge(
        project.names[0],
        kept,
        measures=restore.plain_measures(measures),
        quantities={k: {"value": q.value, "unit": q.unit, "reason": q.reason} for k, q in quantities.items()},
        verdict=plain(verdict),
        summary=plain(summarise(spec.ssot_fields, measures, verdict)),
    )
    return check(project.root, str(project.spec))


def failures(report: CheckReport) -> dict[str, str]:
    return {f.id: f.message for f in report.findings if f.status == "failed"}


def test_a_record_judged_again_as_it_was_is_proven(project):
    assert without(project).exit_code == ExitCode.SUCCESS


def test_a_guarded_metric_is_not_left_out_with_its_guard(project):
    report = without(project, "summary.chrf")
    assert (report.exit_code, report.verdict.status) == (ExitCode.INTEGRITY, "PASS")
    said = failures(report)
    assert "`summary.chrf` (after) was measured, and the record lacks it" in said["steps"]
    assert "the scores of summary (after)" in said["answers"]


def test_a_score_that_is_no_number_leaves_no_metric_out(project):
    record, _ = project.stored(project.names[0])
    name = "summary.chrf"
    arms = {arm: {**entry, "value": None} for arm, entry in record.measures[name].items()}
    project.forge(project.names[0], measures={**record.measures, name: arms})
    assert "`summary.chrf` (before) was measured" in failures(check(project.root, str(project.spec)))["steps"]


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("sample", {"evaluation": "human_review"}, "samples of human_review"),
        ("completion", {"evaluation": "human_review"}, "completions of human_review"),
        ("completion", {"arm": "approved"}, "completions of chain (approved)"),
        ("completion", {"arm": "after/other"}, "completions of chain (after/other)"),
        ("completion", {"sample": "test-99"}, "for `test-99`, which is no sample"),
        ("score", {"sample": "test-99"}, "for `test-99`, which is no sample"),
        ("score", {"arm": "approved"}, "scores of chain (approved)"),
    ],
)
@pytest.mark.parametrize("mode", ["full", "digests"])
def test_rows_that_nothing_asked_for_are_refused(tmp_path, mode, kind, change, said):
    project = Project(tmp_path).write_inputs()
    project.edit_spec("seed: 19", f"seed: 19\nevidence: {mode}")
    project.apply(mode=mode)
    _, rows = project.stored(project.names[0])
    one = next(r for r in rows if r["kind"] == kind)
    project.forge(project.names[0], [*rows, {**one, **change}])
    report = check(project.root, str(project.spec))
    assert report.exit_code == ExitCode.INTEGRITY
    assert said in failures(report)["metrics"]
