"""Reports on disk: one folder a campaign under `artifacts/`, every format that a person or a CI opens as a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runner import __version__, files
from runner.canonical import digest_file, digest_value, short
from runner.record.model import Record
from runner.report.proof import Proof
from runner.report.render import FORMATS, render
from runner.store import ssot

FOLDER = "artifacts"
STAMP = ".reports"
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
    root: Path,
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    *,
    language: str = "",
    folder: Path | None = None,
    lines: Mapping[str, int] | None = None,
    proof: Proof | None = None,
) -> tuple[Path, ...]:
    """Write the reports of a record and give their paths, the one to open first in front.

    They go to the campaign's folder under `artifacts/`, or to `folder`; of a record that was checked, the annotations
    of its spec's `lines` too.
    """
    history, paths = history_of(root), _paths(folder or folder_of(root, record.campaign))
    if proof:
        paths["github"] = (folder or folder_of(root, record.campaign)) / FORMATS["github"][1]
    for format, path in paths.items():
        text = render(record, evidence, format=format, language=language, history=history, lines=lines, proof=proof)
        files.write_text(path, text)
    return tuple(paths.values())


def keep_reports(root: Path, stored: ssot.Stored, *, language: str = "") -> tuple[Path, ...]:
    """As `write_reports`, but rendered only where a report is missing, was changed, or is of other values.

    Raises:
        IntegrityError: the record's evidence is missing or damaged.
    """
    folder = folder_of(root, stored.record.campaign)
    paths, stamp = _paths(folder), folder / STAMP
    made_of = digest_value([stored.id, [s.id for s in ssot.scan(root).stored], language, __version__])
    if not stamp.is_file() or files.read_text(stamp) != _stamp(made_of, paths):
        write_reports(root, stored.record, ssot.read_evidence(root, stored.record), language=language)
        files.write_text(stamp, _stamp(made_of, paths))
    return tuple(paths.values())


def _paths(folder: Path) -> dict[str, Path]:
    return {format: folder / FORMATS[format][1] for format in WRITTEN}


def _stamp(made_of: str, paths: Mapping[str, Path]) -> str:
    """What the reports were made of, and what they are."""
    return digest_value([made_of, {name: digest_file(p) for name, p in paths.items() if p.is_file()}])
