"""What a check found: `Finding`s about one record, and the verdict that its evidence gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runner.acceptance.model import Verdict
from runner.errors import ExitCode, worst

# ok: proven here. failed: bytes or figures contradict each other. weaker: the gate was lowered. stale: the record is
# about something else than the checkout, or of another version. unchecked: could not be looked at. note: worth knowing,
# decides nothing.
STATUSES = ("ok", "failed", "weaker", "stale", "unchecked", "note")
_CODES = {
    "failed": ExitCode.INTEGRITY,
    "weaker": ExitCode.GATE_FAIL,
    "stale": ExitCode.GATE_INCONCLUSIVE,
}


UNPROVEN = "unproven"  # id of findings on figures that no check can prove, of any record


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    id: str  # record | evidence | metrics | statistics | verdict | recipe | policy | data | models | history | …
    status: str
    message: str
    by_version: bool = False  # another version of lorarun would explain it; believed of records on the base


@dataclass(frozen=True)
class CheckReport:
    """All that was found about one record. `verdict` is recomputed; None where it could not be."""

    record_id: str
    campaign: str
    findings: tuple[Finding, ...]
    verdict: Verdict | None

    @property
    def exit_code(self) -> ExitCode:
        """0 where all is proven and the verdict is PASS; else the gravest finding's code, or the verdict's."""
        codes = [_CODES[f.status] for f in self.findings if f.status in _CODES]
        codes.append(self.verdict.exit_code if self.verdict else ExitCode.GATE_INCONCLUSIVE)
        return worst(codes)


def ok(name: str, message: str) -> Finding:
    """Proven here."""
    return Finding(name, "ok", message)


def failed(name: str, message: str) -> Finding:
    """Bytes or figures contradict each other."""
    return Finding(name, "failed", message)


def mapping(value: Any) -> dict[str, Any]:
    """A free part of a record; empty where it is no mapping."""
    return value if isinstance(value, dict) else {}


def digest_in(entry: Any) -> str | None:
    """The digest that a record states of a model or data set; None where it states none."""
    digest = mapping(entry).get("digest")
    return digest if isinstance(digest, str) else None


def cut(value: Any) -> str:
    """A value as a finding quotes it."""
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"
