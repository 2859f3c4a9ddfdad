"""Tests of a report whose record was checked: no format repeats a verdict that does not hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import etree

from runner.errors import Diagnostic, InvalidError, NothingToCheckError
from runner.report.absent import write_absent
from runner.report.proof import Proof, gated, proof_of
from runner.report.render import FORMATS, render
from runner.verify.model import CheckReport, Finding, failed, ok
from tests.report.sample_campaign import sample_evidence, sample_record

OK = ok("evidence", "24 rows have the recorded digest")
REFUSED = proof_of(CheckReport("a" * 32, "c", (OK, failed("metrics", "`fact_recall` is 0.5, not 0.9")), None))
WEAKER = proof_of(CheckReport("a" * 32, "c", (OK, Finding("policy", "weaker", "min_improvement: 15% → 1%")), None))


def shown(status: str, proof: Proof | None) -> dict[str, str]:
    record, rows = sample_record(status), sample_evidence(3)
    return {format: render(record, rows, format=format, proof=proof) for format in FORMATS}


def test_of_a_refused_record_every_format_says_so_first() -> None:
    made = shown("PASS", REFUSED)
    assert made["md"].startswith("## ⛔ REFUSED")
    assert "not 0.9" in made["md"]
    assert '<section class="verdict REFUSED"' in made["html"]
    assert json.loads(made["json"])["verdict"] == "REFUSED"
    assert made["github"].startswith("::error ")
    assert "::notice" not in made["github"]
    assert etree.fromstring(made["junit"].encode()).get("errors") == "1"


def test_a_lowered_gate_fails_whatever_the_record_says() -> None:
    made = shown("PASS", WEAKER)
    assert made["md"].startswith("## ❌ FAIL")
    assert "15% → 1%" in made["md"]
    assert "::error" in made["github"]
    assert etree.fromstring(made["junit"].encode()).get("failures") == "1"


@pytest.mark.parametrize(
    ("stated", "outcome", "holds"),
    [
        ("PASS", "proven", "PASS"),
        ("FAIL", "proven", "FAIL"),
        ("PASS", "stale", "INCONCLUSIVE"),
        ("FAIL", "stale", "FAIL"),
        ("ERROR", "weaker", "ERROR"),
        ("PASS", "weaker", "FAIL"),
        ("PASS", "open", "INCONCLUSIVE"),
        ("ERROR", "refused", "REFUSED"),
    ],
)
def test_the_verdict_that_holds_is_never_better_than_the_one_stated(stated: str, outcome: str, holds: str) -> None:
    assert gated(stated, Proof(outcome, ())) == holds


def test_the_gravest_finding_decides() -> None:
    stale = Finding("recipe", "stale", "another recipe")
    report = CheckReport("a" * 32, "c", (stale, Finding("policy", "weaker", "x"), failed("record", "y")), None)
    proof = proof_of(report)
    assert (proof.outcome, [f.status for f in proof.against]) == ("refused", ["failed", "weaker", "stale"])


def test_a_proven_record_lists_what_was_proven_and_keeps_its_verdict() -> None:
    report = CheckReport("a" * 32, "c", (OK, Finding("data", "unchecked", "not in this checkout")), None)
    made = shown("FAIL", Proof("proven", report.findings))
    assert made["md"].startswith("## ❌ FAIL")
    assert "Proof: 1 proven · not checked 1" in made["md"]
    assert 'id="proof"' in made["html"]


def test_more_findings_than_github_keeps_are_counted() -> None:
    many = tuple(failed("metrics", f"metric {i}") for i in range(30))
    text = render(sample_record("PASS"), [], format="github", proof=proof_of(CheckReport("a" * 32, "c", many, None)))
    assert text.count("::error ") == 10
    assert "and 21 more" in text


def test_without_a_record_the_comment_says_how_one_is_made(tmp_path: Path) -> None:
    paths = write_absent(tmp_path, "specs/x.yaml", NothingToCheckError("campaign `x` has no record yet"))
    comment, tests = (path.read_text(encoding="utf-8") for path in paths)
    assert comment.startswith("## ❌ No verdict: `specs/x.yaml`\n")
    assert "commit what it writes under ssot/" in comment
    assert etree.fromstring(tests.encode()).get("errors") == "1"


def test_a_specs_mistakes_stay_inside_their_block(tmp_path: Path) -> None:
    hostile = Diagnostic("E1", "x\n```\n# @everyone <script>", "specs/`a`|.yaml", 3, 1, help="\x1b[31m ]]>")
    paths = write_absent(tmp_path, "specs/`a`|.yaml", InvalidError.of([hostile]), language="ko")
    comment, tests = (path.read_text(encoding="utf-8") for path in paths)
    assert comment.count("````") == 2
    assert "\x1b" not in comment + tests
    assert etree.fromstring(tests.encode()).get("errors") == "1"
