"""The report as JUnit XML: one test case a check, in the shape that Jenkins, GitLab and GitHub's test reporters read.

A check that failed is a failure; one that could not be judged for lack of proof is a failure where the verdict rests
on it and skipped where it only warns; a step that broke is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.acceptance.model import Check
from runner.record.model import Record, StepRecord
from runner.report import hostile, templates
from runner.report.catalogue import catalogue
from runner.report.proof import Proof
from runner.report.view import View, view
from runner.report.words import Words
from runner.verify.model import Finding

_KINDS = {"pass": "pass", "warn": "pass", "fail": "failure", "inconclusive": "failure", "error": "error"}


@dataclass(frozen=True)
class Case:
    """One `testcase`."""

    name: str
    classname: str
    kind: str  # pass | failure | error | skipped
    status: str
    message: str
    text: str
    time: str


@dataclass(frozen=True)
class Suite:
    """One `testsuite`: the checks of one kind, or the steps."""

    name: str
    cases: tuple[Case, ...]
    time: str

    def _count(self, kind: str) -> int:
        return sum(c.kind == kind for c in self.cases)

    @property
    def failures(self) -> int:
        """Checks that failed."""
        return self._count("failure")

    @property
    def errors(self) -> int:
        """Checks that broke."""
        return self._count("error")

    @property
    def skipped(self) -> int:
        """Checks that decide nothing."""
        return self._count("skipped")


def write(
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    history: Sequence[Record],
    *,
    language: str,
    lines: Mapping[str, int],
    proof: Proof | None = None,
) -> str:
    """JUnit XML; an ERROR verdict without a broken check has one error of its own, so that no CI takes it for green."""
    words = Words(catalogue(language))
    seen = view(record, (), history, proof=proof)
    suites = _suites(seen, words)
    cases = [c for s in suites for c in s.cases]
    return (
        templates.html()
        .get_template("junit.xml.j2")
        .render(
            view=seen,
            suites=suites,
            cases=cases,
            failures=sum(s.failures for s in suites),
            errors=sum(s.errors for s in suites),
            skipped=sum(s.skipped for s in suites),
            time=_time(sum(s.seconds for s in record.steps)),
            timestamp=record.created[:19],
        )
    )


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"


def _suites(seen: View, words: Words) -> list[Suite]:
    campaign = hostile.one_line(seen.record.campaign, 100)
    kinds = [k for k in ("target", "guard", "limit", "memory", "data", "step") if seen.of_kind(k)]
    suites = [
        Suite(f"{campaign}.{kind}", tuple(_case(c, campaign, words) for c in seen.of_kind(kind)), _time(0))
        for kind in kinds
    ]
    if seen.proof:
        suites.insert(
            0, Suite(f"{campaign}.check", tuple(_finding(f, campaign) for f in seen.proof.findings), _time(0))
        )
    broken = seen.status != "PASS" and not any(s.failures or s.errors for s in suites)
    if broken or not suites:
        suites.append(Suite(f"{campaign}.verdict", (_verdict(seen, campaign, words),), _time(0)))
    ran = tuple(_step(s, campaign) for s in seen.record.steps)
    return (
        [*suites, Suite(f"{campaign}.steps", ran, _time(sum(s.seconds for s in seen.record.steps)))] if ran else suites
    )


def _case(check: Check, campaign: str, words: Words) -> Case:
    optional = check.status == "inconclusive" and check.details.get("on_inconclusive") == "warn"
    text = "\n".join(
        (
            f"{words.say('col.want')}: {words.want(check)}",
            f"{words.say('col.got')}: {check.got}",
            f"{words.say('col.reason')}: {check.reason}",
        )
    )
    return Case(
        name=hostile.one_line(check.title or check.id, 200),
        classname=hostile.one_line(f"{campaign}.{check.kind}.{check.id}", 200),
        kind="skipped" if optional else _KINDS.get(check.status, "error"),
        status=hostile.one_line(check.status, 40),
        message=hostile.one_line(check.reason or check.got or check.status, 500),
        text=hostile.visible(text, 4000),
        time=_time(0),
    )


def _finding(finding: Finding, campaign: str) -> Case:
    kind = {"ok": "pass", "failed": "error", "weaker": "failure", "stale": "failure"}.get(finding.status, "skipped")
    return Case(
        name=hostile.one_line(f"{finding.id}: {finding.message}", 200),
        classname=hostile.one_line(f"{campaign}.check.{finding.id}", 200),
        kind=kind,
        status=hostile.one_line(finding.status, 40),
        message=hostile.one_line(finding.message, 500),
        text=hostile.visible(finding.message, 4000),
        time=_time(0),
    )


def _verdict(seen: View, campaign: str, words: Words) -> Case:
    kind = {"PASS": "pass", "ERROR": "error"}.get(seen.status, "failure")
    reason = seen.reason or words.headline(seen)
    return Case(
        name=seen.status,
        classname=f"{campaign}.verdict",
        kind=kind,
        status=seen.status.lower(),
        message=hostile.one_line(reason, 500),
        text=hostile.visible(reason, 4000),
        time=_time(0),
    )


def _step(step: StepRecord, campaign: str) -> Case:
    kind = {"cached": "skipped", "blocked": "skipped", "failed": "error"}.get(step.action, "pass")
    return Case(
        name=hostile.one_line(step.id, 200),
        classname=hostile.one_line(f"{campaign}.steps.{step.kind}", 200),
        kind=kind,
        status=hostile.one_line(step.action, 40),
        message=hostile.one_line("; ".join(step.reasons) if kind == "error" else step.action, 500),
        text=hostile.visible("\n".join(step.reasons), 2000),
        time=_time(step.seconds),
    )
