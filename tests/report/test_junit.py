"""Tests of JUnit XML: valid by schema, and failure, error and skipped each used for what it means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from runner.report.render import render
from tests.report.sample_campaign import sample_record

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "junit.xsd"))


def tree_of(status: str) -> etree._Element:
    return etree.fromstring(render(sample_record(status), [], format="junit").encode())


@pytest.mark.parametrize("status", ["PASS", "FAIL", "INCONCLUSIVE", "ERROR"])
def test_the_file_is_valid_by_schema_and_its_counts_are_true(status: str) -> None:
    tree = tree_of(status)
    SCHEMA.assertValid(tree)
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"), ("tests", "testcase")):
        assert int(tree.get(kind)) == len(list(tree.iter(tag)))
        assert sum(int(suite.get(kind)) for suite in tree) == int(tree.get(kind))


def test_a_pass_has_no_failure_and_a_fail_one_for_each_fallen_check() -> None:
    assert tree_of("PASS").get("failures") == "0"
    names = [e.getparent().get("classname").split(".", 2)[2] for e in tree_of("FAIL").iter("failure")]
    assert names == ["chain_accuracy", "guard.chain.failure_rate"]


def test_an_undecided_target_is_a_failure_unless_it_only_warns() -> None:
    record = sample_record("INCONCLUSIVE")
    failures = [e.getparent().get("classname") for e in tree_of("INCONCLUSIVE").iter("failure")]
    assert failures == ["ticket019-mini.target.chain_accuracy"]
    lenient = [{**c, "details": {**c["details"], "on_inconclusive": "warn"}} for c in record.verdict["checks"]]
    text = render(replace(record, verdict={**record.verdict, "checks": lenient, "status": "PASS"}), [], format="junit")
    tree = etree.fromstring(text.encode())
    assert tree.get("failures") == "0"
    assert int(tree.get("skipped")) == int(tree_of("PASS").get("skipped")) + 1


def test_a_step_that_waited_for_a_broken_one_is_skipped_and_not_passed() -> None:
    record = sample_record("ERROR")
    [waiting] = [replace(s, id="score/waits", action="blocked") for s in record.steps[:1]]
    tree = etree.fromstring(render(replace(record, steps=(*record.steps, waiting)), [], format="junit").encode())
    SCHEMA.assertValid(tree)
    [case] = [c for c in tree.iter("testcase") if c.get("name") == "score/waits"]
    assert [child.tag for child in case if child.tag != "system-out"] == ["skipped"]


def test_a_broken_step_is_an_error() -> None:
    assert [e.getparent().get("name") for e in tree_of("ERROR").iter("error")] == ["tune/chain-lora"]


@pytest.mark.parametrize("status", ["FAIL", "ERROR", "INCONCLUSIVE"])
def test_a_verdict_without_checks_is_never_green(status: str) -> None:
    record = sample_record(status)
    bare = replace(record, verdict={"status": status, "reason": "nothing was checked", "checks": []}, steps=())
    tree = etree.fromstring(render(bare, [], format="junit").encode())
    SCHEMA.assertValid(tree)
    assert int(tree.get("failures")) + int(tree.get("errors")) == 1
