"""How long each row of a tuning is in tokens, which rows `max_seq_length` would cut, and the file that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import files
from runner.errors import Diagnostic, IntegrityError

Grid = tuple[int, int, int]  # (frames, height, width) of an image in patches
FILE = "lengths.json"
MAX_BYTES = 2**30
LONGEST = 8  # rows that the report names


@dataclass(frozen=True, slots=True)
class RowLength:
    """One row in tokens. `fixed` leading tokens of the prompt are never cut: its beginning, its images."""

    id: str
    source: str  # "data/demo/train.jsonl:12"
    prompt: int
    answer: int  # the end token counted
    fixed: int = 0
    grids: tuple[Grid, ...] = ()

    @property
    def total(self) -> int:
        """Prompt and answer."""
        return self.prompt + self.answer


def tokens_to_cut(row: RowLength, *, max_seq_length: int, truncate: str) -> int | None:
    """How many tokens of the prompt have to go; None where the row cannot be made to fit without its answer cut."""
    excess = row.total - max_seq_length
    if excess <= 0:
        return 0
    return excess if truncate == "prompt" and excess < row.prompt - row.fixed else None


def too_long(row: RowLength, max_seq_length: int) -> Diagnostic:
    """What to say about a row whose answer would be cut."""
    path, _, line = row.source.rpartition(":")
    place = (path, int(line)) if line.isdigit() else (row.source, 0)
    message = f"row `{row.id}` has {row.total} tokens, more than `max_seq_length: {max_seq_length}`"
    remedy = f"set `max_seq_length: {row.total}`, shorten the row, or set `truncate: prompt`"
    return Diagnostic("E512", message, path=place[0], line=place[1], help=remedy)


def report_of(rows: Sequence[RowLength], *, max_seq_length: int, truncate: str) -> dict[str, Any]:
    """Tallies of one split as plain data: tokens of prompts and answers, the longest rows, prompts that are cut."""
    longest = sorted(rows, key=lambda r: (-r.total, r.id))[:LONGEST]
    cuts = [tokens_to_cut(r, max_seq_length=max_seq_length, truncate=truncate) for r in rows]
    return {
        "rows": len(rows),
        "tokens": sum(r.total for r in rows),
        "prompt_tokens": _spread([r.prompt for r in rows]),
        "answer_tokens": _spread([r.answer for r in rows]),
        "row_tokens": _spread([r.total for r in rows]),
        "longest": [{"id": r.id, "tokens": r.total} for r in longest],
        "prompts_cut": sum(1 for cut in cuts if cut),
    }


def _spread(lengths: Sequence[int]) -> dict[str, int]:
    ordered = sorted(lengths)
    ranks = {"p50": 50, "p95": 95, "most": 100}
    return {name: ordered[-(-rank * len(ordered) // 100) - 1] for name, rank in ranks.items()} if ordered else {}


def write_lengths(path: Path, splits: Mapping[str, Sequence[RowLength]]) -> None:
    """Write the lengths of every split, column by column; equal lengths make equal bytes."""
    files.write_json(path, {split: _columns(rows) for split, rows in splits.items()})


def _columns(rows: Sequence[RowLength]) -> dict[str, list[Any]]:
    return {
        "id": [r.id for r in rows],
        "source": [r.source for r in rows],
        "prompt": [r.prompt for r in rows],
        "answer": [r.answer for r in rows],
        "fixed": [r.fixed for r in rows],
        "grids": [[list(g) for g in r.grids] for r in rows],
    }


def read_lengths(path: Path) -> dict[str, tuple[RowLength, ...]]:
    """Split → the lengths of its rows, in the rows' order, as `write_lengths` wrote them.

    Raises:
        InvalidError: the file is missing or no plain file.
        IntegrityError: somebody changed it.
    """
    value = files.read_json(path, max_bytes=MAX_BYTES)
    try:
        return {str(split): tuple(_rows(columns)) for split, columns in value.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"`{path}` does not hold lengths as lorarun writes them: {error}") from error


def _rows(columns: Mapping[str, Sequence[Any]]) -> Iterable[RowLength]:
    names = ("id", "source", "prompt", "answer", "fixed", "grids")
    for id, source, prompt, answer, fixed, grids in zip(*(columns[name] for name in names), strict=True):
        shapes = tuple((int(f), int(h), int(w)) for f, h, w in grids)
        yield RowLength(str(id), str(source), int(prompt), int(answer), int(fixed), shapes)
