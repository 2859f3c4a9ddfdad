"""The one line that says how a campaign ended."""

from __future__ import annotations

from runner.acceptance.model import Verdict


def result_line(verdict: Verdict) -> str:
    """`RESULT: PASS — 3 of 3 targets met, …`, on one line whatever a step's message held."""
    reason = " ".join(verdict.reason.split())
    return f"RESULT: {verdict.status} — {reason}"
