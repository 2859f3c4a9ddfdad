"""References and predictions that any tool wrote, as samples and completions, so that a figure can be checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import Diagnostic, InvalidError
from runner.files import read_text
from runner.samples.findings import Findings
from runner.samples.rows import READERS, SUFFIXES, Row
from runner.samples.sample import Completion, Sample
from runner.samples.shape import RowError, facts_of
from runner.samples.text import nfc

REFERENCE_COLUMNS = ("reference", "references", "answers", "answer", "summary", "completion", "text")
PREDICTION_COLUMNS = ("prediction", "completion", "output", "response", "answer", "text")
ID_COLUMNS = ("id", "sample_id")


@dataclass(frozen=True)
class Pairs:
    """Samples and their answers, ready to be measured."""

    samples: tuple[Sample, ...]
    completions: tuple[Completion, ...]


def read_pairs(references: Path, predictions: Path, *, reference: str = "", prediction: str = "") -> Pairs:
    """Two files → pairs: by id where every row has one, else line by line.

    A file is JSONL (objects or bare texts), CSV or Parquet, or plain text with one text a line. `reference` and
    `prediction` name the columns; "" takes the first usual one that a row has.

    Raises:
        InvalidError: a file or row cannot be read, or the rows do not pair; all findings at once.
    """
    findings = Findings()
    rights, answers = _rows(references, findings), _rows(predictions, findings)
    by_id = all(_id(row) for row in (*rights, *answers))
    if not by_id and len(rights) != len(answers):
        findings.error("E708", f"{len(answers):,} predictions for {len(rights):,} references", str(predictions))
    if by_id:
        _told_twice(rights, references, findings)
        _told_twice([r for r in answers if (r.columns.get("kind") or "main") == "main"], predictions, findings)
    samples = [_sample(row, str(n), by_id, references, reference, findings) for n, row in enumerate(rights, 1)]
    made = (_completion(row, str(n), by_id, predictions, prediction, findings) for n, row in enumerate(answers, 1))
    completions = list(made)
    if findings.has_errors:
        raise InvalidError.of(findings.all())
    return Pairs(tuple(s for s in samples if s), tuple(c for c in completions if c))


def _rows(path: Path, findings: Findings) -> list[Row]:
    """Rows of any of the formats; a bare text becomes the column `text`."""
    format = SUFFIXES.get(path.suffix.lower())
    if format is None:
        return [Row(n, {"text": line}) for n, line in enumerate(read_text(path).rstrip("\n").split("\n"), 1)]
    return list(READERS[format](path, path.parent, findings))


def _id(row: Row) -> str:
    value = next((row.columns[c] for c in ID_COLUMNS if c in row.columns), "")
    return nfc(str(value)).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _told_twice(rows: Iterable[Row], path: Path, findings: Findings) -> None:
    first: dict[str, int] = {}
    for row in rows:
        line = first.setdefault(_id(row), row.line)
        if line != row.line:
            findings.error("E720", f"the id `{_id(row)[:80]}` is that of line {line} as well", str(path), row.line)


def _text(row: Row, named: str, usual: Iterable[str]) -> str:
    name = named or next((c for c in usual if c in row.columns), "")
    if name not in row.columns:
        have = ", ".join(f"`{c[:40]}`" for c in list(row.columns)[:12]) or "none"
        wanted = f"`{named}`" if named else " or ".join(f"`{c}`" for c in usual)
        raise RowError("E711", f"no column {wanted}", f"its columns are {have}")
    value = row.columns[name]
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return "\n".join(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RowError("E711", f"`{name}` is not a text")
    return str(value)


def _sample(row: Row, number: str, by_id: bool, path: Path, column: str, findings: Findings) -> Sample | None:
    try:
        return Sample(
            id=_id(row) if by_id else number,
            prompt=str(row.columns.get("prompt", "") or ""),
            reference=nfc(_text(row, column, REFERENCE_COLUMNS)),
            facts=facts_of(row.columns.get("facts")),
            source=f"{path}:{row.line}",
        )
    except RowError as error:
        findings.add(Diagnostic(error.code, error.message, path=str(path), line=row.line, help=error.help))
        return None


def _completion(row: Row, number: str, by_id: bool, path: Path, column: str, findings: Findings) -> Completion | None:
    try:
        text = _text(row, column, PREDICTION_COLUMNS)
        return Completion(
            sample_id=_id(row) if by_id else number,
            text=text,
            tokens=_whole(row, "tokens", len(text.split())),
            finish_reason=str(row.columns.get("finish_reason") or "stop"),
            run=_whole(row, "run", 0),
            kind=str(row.columns.get("kind") or "main"),
        )
    except RowError as error:
        findings.add(Diagnostic(error.code, error.message, path=str(path), line=row.line, help=error.help))
        return None


def _whole(row: Row, name: str, otherwise: int) -> int:
    value: Any = row.columns.get(name)
    try:
        return otherwise if value in (None, "") else int(value)
    except (TypeError, ValueError) as error:
        raise RowError("E711", f"`{name}` is not a whole number") from error
