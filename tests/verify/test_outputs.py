"""Evidence that somebody changed with its scores, measures and verdict, but not the digests of the steps' files."""

import pytest

from runner.errors import ExitCode
from runner.record import evidence
from runner.record.model import Record
from runner.spec.rebuild import spec_of
from runner.verify.check import check
from runner.verify.outputs import compare_outputs
from tests.verify.campaign import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    made = Project(tmp_path_factory.mktemp("outputs"), good=10).write_inputs()
    made.apply()
    return made


def compared(record: Record, rows: list[evidence.Row], orders=None) -> list[tuple[str, str]]:
    found = compare_outputs(record, spec_of(record.spec, record.spec_path), rows, orders or {}, {})
    return [(f.status, f.message) for f in found]


def order(rows: list[evidence.Row]) -> dict[str, int]:
    return {
        r["sample"]: i for i, r in enumerate(r for r in rows if r["kind"] == "sample" and r["evaluation"] == "summary")
    }


def test_untouched_evidence_is_what_the_steps_wrote(project):
    record, rows = project.stored(project.names[0])
    [(status, message)] = compared(record, rows)
    # main and greedy answers and scores of two arms, and main answers, the stage before and scores of two arms
    assert (status, message.partition(" ")[0]) == ("ok", "12")


@pytest.mark.parametrize(
    "field", [("text", "모름모름"), ("tokens", 9), ("finish_reason", "length"), ("prompt_tokens", 7)]
)
@pytest.mark.parametrize("of", ["main", "greedy"])
def test_an_answer_that_no_score_depends_on_is_held_to_its_file(project, field, of):
    record, rows = project.stored(project.names[0])
    row = next(r for r in rows if r["kind"] == "completion" and r["evaluation"] == "summary" and r["of"] == of)
    row[field[0]] = field[1]
    orders = {"summary": order(rows), "chain": order(rows)}
    assert [s for s, m in compared(record, rows, orders) if f"the {of} answers of summary" in m] == ["failed"]


def test_an_answer_of_the_stage_before_is_held_to_its_file(project):
    record, rows = project.stored(project.names[0])
    row = next(r for r in rows if r["kind"] == "completion" and r["arm"] == "after/draft")
    row["text"] += "."
    assert "the answers of the stage before of chain (after)" in compared(record, rows, {"chain": order(rows)})[0][1]


def test_a_score_is_held_to_its_file(project):
    record, rows = project.stored(project.names[0])
    row = next(r for r in rows if r["kind"] == "score" and r["arm"] == "before" and r["metric"] == "exact_match")
    row["value"] = 0.25
    assert "the scores of" in compared(record, rows, {"chain": order(rows), "summary": order(rows)})[0][1]


def test_without_the_data_set_the_order_of_answers_is_not_known_and_that_is_said(project):
    record, rows = project.stored(project.names[0])
    next(r for r in rows if r["kind"] == "completion" and r["of"] == "main")["text"] += "."
    assert [status for status, _ in compared(record, rows)] == ["ok", "unchecked"]


def test_repeats_of_answers_that_were_left_out_are_missed(project):
    record, rows = project.stored(project.names[0])
    kept = [r for r in rows if r.get("of") != "greedy"]
    said = compared(record, kept, {"summary": order(rows), "chain": order(rows)})[0]
    assert (said[0], "the greedy answers of summary" in said[1]) == ("failed", True)


def test_check_refuses_a_record_whose_answers_were_not_written_by_its_steps(tmp_path):
    project = Project(tmp_path).write_inputs()
    project.apply()
    _, rows = project.stored(project.names[0])
    next(r for r in rows if r["kind"] == "completion" and r["of"] == "main")["tokens"] = 99
    project.forge(project.names[0], rows)
    report = check(project.root, str(project.spec))
    assert report.exit_code == ExitCode.INTEGRITY
    assert [f.id for f in report.findings if f.status == "failed"] == ["answers"]
