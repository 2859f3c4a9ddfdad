"""What `lorarun check` found of the record that a report is about, and the verdict that a reader may go by. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from runner.verify.model import CheckReport, Finding

# What a finding of a status makes of the whole, the gravest first.
_OUTCOMES = {"failed": "refused", "weaker": "weaker", "stale": "stale"}


@dataclass(frozen=True)
class Proof:
    """The outcome: proven, or refused (bytes or figures contradict each other), weaker (the gate was lowered), stale
    (the record is about something else than the checkout), open (its evidence gives no verdict).
    """

    outcome: str
    findings: tuple[Finding, ...]
    verdict: str = ""  # as it was recomputed, with the looks at the test data that the base holds; "" where it was not

    def of(self, *statuses: str) -> tuple[Finding, ...]:
        """The findings of these statuses."""
        return tuple(f for f in self.findings if f.status in statuses)

    @property
    def against(self) -> tuple[Finding, ...]:
        """What speaks against going by the record, the gravest first."""
        return tuple(f for status in _OUTCOMES for f in self.of(status))


def proof_of(report: CheckReport) -> Proof:
    """A check's findings and what they come to."""
    there = {f.status for f in report.findings}
    outcome = next((made for status, made in _OUTCOMES.items() if status in there), "")
    verdict = report.verdict.status if report.verdict else ""
    return Proof(outcome or ("proven" if verdict else "open"), report.findings, verdict)


def gated(stated: str, proof: Proof | None) -> str:
    """The verdict that holds: the one that a record states, unless what was found of it speaks against that."""
    if proof is None or proof.outcome == "proven" or (proof.outcome != "refused" and stated == "ERROR"):
        return stated
    if proof.outcome == "refused":
        return "REFUSED"
    if proof.outcome == "weaker":
        return "FAIL"
    stated = proof.verdict or stated
    return "INCONCLUSIVE" if stated == "PASS" else stated
