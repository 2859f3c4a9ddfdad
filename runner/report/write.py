"""Writes all reports of a record into `artifacts/<campaign>/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner import files
from runner.record.model import Record
from runner.report.render import FORMATS, render

WRITTEN = ("md", "html", "json", "junit")


def write_reports(
    root: Path,
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    *,
    language: str = "",
    history: Sequence[Record] = (),
    lines: Mapping[str, int] | None = None,
) -> tuple[Path, ...]:
    """The reports' paths. Writing the same record again writes the same bytes."""
    paths = []
    for format in WRITTEN:
        path = root / "artifacts" / record.campaign / FORMATS[format][1]
        text = render(record, evidence, format=format, language=language, history=history, lines=lines)
        files.write_text(path, text)
        paths.append(path)
    return tuple(paths)
