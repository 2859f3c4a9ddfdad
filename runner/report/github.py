"""The report as GitHub workflow commands: annotations at the lines of the spec, within GitHub's limits.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions: ten errors, ten warnings and ten notices
a step are kept; the rest is dropped without a word, so what is left out is said in the last one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.acceptance.model import Check
from runner.record.model import Record
from runner.report.catalogue import catalogue
from runner.report.hostile import command_data, command_property, one_line
from runner.report.proof import Proof
from runner.report.view import View, view
from runner.report.words import Words

MOST = 10
_LEVELS = {"fail": "error", "error": "error", "inconclusive": "error", "warn": "warning"}


def write(
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    history: Sequence[Record],
    *,
    language: str,
    lines: Mapping[str, int],
    proof: Proof | None = None,
) -> str:
    """One command a line: the verdict first, then what fell."""
    words = Words(catalogue(language))
    seen = view(record, (), history, proof=proof)
    title = f"{words.catalogue.name('verdict', seen.status)}: {one_line(seen.title, 120)}"
    place = lines.get("", 1)
    out = _verdict(seen, place, title, words)
    counts = {"error": sum(line.startswith("::error") for line in out), "warning": 0}
    left = len(seen.proof.against[MOST - 1 :]) if seen.proof else 0
    # What a record says that is not to be believed is no annotation.
    for check in () if seen.status == "REFUSED" else seen.checks:
        kind = _level(check)
        if not kind:
            continue
        counts[kind] += 1
        # The last warning is kept for saying what was left out.
        if counts[kind] > MOST - (kind == "warning"):
            left += 1
            continue
        out.append(_annotation(kind, check, record, lines, words))
    if left:
        out.append(_command("warning", record.spec_path, place, title, words.say("changes.more", more=left)))
    return "\n".join(out) + "\n"


def _verdict(seen: View, place: int, title: str, words: Words) -> list[str]:
    """The verdict, and what `check` found that speaks against going by the record."""
    path, against = seen.record.spec_path, seen.proof.against if seen.proof else ()
    parts = (words.headline(seen), "" if against else one_line(seen.reason, 600))
    level = "notice" if seen.status == "PASS" else "error"
    out = [_command(level, path, place, title, "\n".join(part for part in parts if part))]
    for finding in against[: MOST - 1]:
        name = f"lorarun check: {words.catalogue.name('finding.of', finding.id)}"
        out.append(_command("error", path, place, name, finding.message))
    return out


def _level(check: Check) -> str:
    if check.status == "inconclusive" and check.details.get("on_inconclusive") == "warn":
        return "warning"
    return _LEVELS.get(check.status, "")


def _annotation(level: str, check: Check, record: Record, lines: Mapping[str, int], words: Words) -> str:
    title = f"{words.catalogue.name('status', check.status)}: {one_line(check.title or check.id, 120)}"
    grounds = f"{words.say('col.want')}: {words.want(check)} · {words.say('col.got')}: {check.got}"
    message = "\n".join(part for part in (one_line(grounds, 300), one_line(check.reason, 600)) if part)
    return _command(level, record.spec_path, lines.get(check.id, lines.get("", 1)), title, message)


def _command(level: str, path: str, line: int, title: str, message: str) -> str:
    place = f"file={command_property(path, 300)},line={max(1, line)},title={command_property(title, 200)}"
    return f"::{level} {place}::{command_data(message, 1500)}"
