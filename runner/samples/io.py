"""Samples and completions as JSONL files: one canonical object a line, durable, in the order given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner import files
from runner.canonical import plain
from runner.errors import IntegrityError
from runner.samples.sample import Completion, Fact, ImageRef, Sample

MAX_BYTES = 8 * 2**30


def _write(path: Path, rows: Sequence[Sample] | Sequence[Completion]) -> None:
    lines = (
        json.dumps(plain(row), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        for row in rows
    )
    files.write_text(path, "".join(line + "\n" for line in lines))


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples; equal samples make equal bytes."""
    _write(path, samples)


def write_completions(path: Path, completions: Sequence[Completion]) -> None:
    """Write completions; equal completions make equal bytes."""
    _write(path, completions)


def _read(path: Path) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    # Not splitlines(): it also cuts at U+2028 and its like, which JSON strings may hold.
    for number, line in enumerate(files.read_text(path, max_bytes=MAX_BYTES).split("\n"), 1):
        if not line:
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise IntegrityError(f"{path}:{number}: not valid JSON: {error}") from error
        if not isinstance(row, dict):
            raise IntegrityError(f"{path}:{number}: not a JSON object")
        rows.append((number, row))
    return rows


def sample_from(row: dict[str, Any]) -> Sample:
    """A sample from its plain form.

    Raises:
        TypeError, KeyError, AttributeError: the row has another shape.
    """
    return Sample(
        **{
            **row,
            "images": tuple(ImageRef(**image) for image in row.get("images", ())),
            "facts": tuple(
                Fact(f["text"], tuple(f.get("aliases", ())), tuple(f.get("forbid", ()))) for f in row.get("facts", ())
            ),
            "fields": dict(row.get("fields", {})),
        }
    )


def read_samples(path: Path) -> tuple[Sample, ...]:
    """Samples that `write_samples` wrote.

    Raises:
        InvalidError: the file is missing or no plain file.
        IntegrityError: a line is not a sample, so somebody changed the file.
    """
    return tuple(_typed(path, number, sample_from, row) for number, row in _read(path))


def read_completions(path: Path) -> tuple[Completion, ...]:
    """Completions that `write_completions` wrote.

    Raises:
        InvalidError: the file is missing or no plain file.
        IntegrityError: a line is not a completion, so somebody changed the file.
    """
    return tuple(_typed(path, number, lambda r: Completion(**r), row) for number, row in _read(path))


def _typed(path: Path, number: int, make: Any, row: dict[str, Any]) -> Any:
    try:
        return make(row)
    except (TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(f"{path}:{number}: not a row that lorarun wrote: {error}") from error
