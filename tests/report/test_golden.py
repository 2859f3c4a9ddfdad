"""The pull request comment, the JUnit file and the annotations of each verdict, as files one can read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from runner.report.render import render
from tests.report.sample_campaign import sample_evidence, sample_history, sample_record

LINES = {"": 40, "qwen_accuracy": 42, "chain_accuracy": 48, "guard.chain.failure_rate": 52, "step.1": 30}


@pytest.mark.parametrize("status", ["PASS", "FAIL", "INCONCLUSIVE", "ERROR"])
@pytest.mark.parametrize(("format", "ending"), [("md", "md"), ("junit", "xml"), ("github", "txt")])
def test_reports_of_each_verdict_look_as_reviewed(
    golden: Callable[[str, str], None], status: str, format: str, ending: str
) -> None:
    text = render(sample_record(status), sample_evidence(9), format=format, history=sample_history(), lines=LINES)
    golden(f"report/{status.lower()}.{ending}", text)


def test_the_korean_comment_looks_as_reviewed(golden: Callable[[str, str], None]) -> None:
    text = render(sample_record("FAIL"), sample_evidence(9), format="md", language="ko", history=sample_history())
    golden("report/fail.ko.md", text)


def test_the_json_of_a_failed_run_looks_as_reviewed(golden: Callable[[str, str], None]) -> None:
    record = sample_record("FAIL")
    text = render(replace(record, steps=record.steps[:2]), sample_evidence(2), format="json", history=sample_history())
    golden("report/fail.json", text)
