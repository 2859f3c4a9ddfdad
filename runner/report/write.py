"""Reports on disk: one folder a campaign under `artifacts/`, every format that a person or a CI opens as a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner import files
from runner.canonical import digest_value, short
from runner.record.model import Record
from runner.report.render import FORMATS, render
from runner.store import ssot

FOLDER = "artifacts"
WRITTEN = ("html", "md", "json", "junit")
_NAME = re.compile(r"[^\W.][\w.-]{0,99}")


def folder_of(root: Path, campaign: str) -> Path:
    """Where a campaign's reports go. A name that is no plain folder name (a record may say anything) is digested."""
    name = campaign if _NAME.fullmatch(campaign) else f"campaign-{short(digest_value(campaign))}"
    return root / FOLDER / name


def history_of(root: Path) -> tuple[Record, ...]:
    """All records of the project that can be read, oldest first."""
    return tuple(stored.record for stored in ssot.scan(root).stored)


def write_reports(
    root: Path, record: Record, evidence: Sequence[Mapping[str, Any]], *, language: str = ""
) -> tuple[Path, ...]:
    """Write the reports of a record and give their paths, the one to open first in front."""
    folder, history = folder_of(root, record.campaign), history_of(root)
    paths = []
    for format in WRITTEN:
        path = folder / FORMATS[format][1]
        files.write_text(path, render(record, evidence, format=format, language=language, history=history))
        paths.append(path)
    return tuple(paths)
