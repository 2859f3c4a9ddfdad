"""The one door of this room: a record and its evidence as text of a format. Same values, same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from runner.errors import UsageError
from runner.record.model import Record
from runner.report import reading
from runner.report.catalogue import LANGUAGES
from runner.report.proof import Proof

# format → the module that writes it (its `write`), and the file name that it has by default
FORMATS = {
    "md": ("runner.report.markdown", "report.md"),
    "html": ("runner.report.html", "report.html"),
    "json": ("runner.report.json", "report.json"),
    "junit": ("runner.report.junit", "report.xml"),
    "github": ("runner.report.github", "annotations.txt"),
}


def language_of(record: Record, asked: str = "") -> str:
    """The language to write in: the one that was asked for, or the campaign's own, or English."""
    own = reading.text(reading.metadata(record.spec).get("language"))
    return asked or (own if own in LANGUAGES else "en")


def render(
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    *,
    format: str,
    language: str = "",
    history: Sequence[Record] = (),
    lines: Mapping[str, int] | None = None,
    proof: Proof | None = None,
) -> str:
    """A report as text.

    Args:
        evidence: the record's evidence rows; empty where they are kept elsewhere.
        format: one of `FORMATS`.
        language: en or ko; "" takes the campaign's.
        history: other records, of any campaign; those of the same one make the trends.
        lines: check id → line of the spec file, for annotations.
        proof: what `check` found of the record; None where it was not asked.

    Raises:
        UsageError: an unknown format or language.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown report format `{format[:40]}`", help="use one of: " + ", ".join(FORMATS))
    module = import_module(FORMATS[format][0])
    spoken = language_of(record, language)
    written: str = module.write(record, evidence, history, language=spoken, lines=lines or {}, proof=proof)
    return written
