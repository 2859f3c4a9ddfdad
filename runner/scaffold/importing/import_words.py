"""What a person is told of an import: which column became what, five rows, counts, and the lines for the spec."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.report.hostile import one_line
from runner.scaffold.importing.columns import DROP
from runner.scaffold.importing.data_import import Imported, dataset_of

CELL = 60  # characters of a value in the preview
ENOUGH_TO_JUDGE = 100  # rows of test: the gate's default `min_samples`


def columns_told(made: Imported) -> Iterator[str]:
    """One line a column."""
    width = max((_cells(one_line(c.name, 30)) for c in made.columns), default=0)
    for column in made.columns:
        shown = one_line(column.name, 30)
        name = f"  {shown}{' ' * (width - _cells(shown))}"
        if column.field == DROP:
            yield f"{name}  left out"
        elif column.why:
            yield f"{name}  → {one_line(column.field)} ({column.why})"
        else:
            yield f"{name}  stays {one_line(column.field, 30)}"


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes: Hangul takes two each."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def preview_told(made: Imported) -> Iterator[str]:
    """Five rows, each value cut, pictures with their sizes."""
    for row in made.preview:
        yield f"  {one_line(row.place, 80)}"
        for name, value in row.columns.items():
            if name != "image":
                yield f"    {one_line(name, 20)}: {one_line(_shown(value), CELL)}"
        for picture in row.pictures:
            yield f"    image: {one_line(picture, 160)}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def counts_told(made: Imported) -> Iterator[str]:
    """Rows, groups and what became of the pictures."""
    rows = ", ".join(f"{split} {n:,}" for split, n in made.rows.items())
    yield f"{one_line(', '.join(made.sources))} → {made.folder}: {rows} rows in {made.groups:,} groups"
    if made.pictures:
        changes = ", ".join(f"{n:,} {what}" for what, n in sorted(made.changes.items())) or "none had to be changed"
        yield f"{made.pictures:,} pictures: {changes}"
    if len(made.rows) == 1:
        yield "the rows are not split: there are fewer than three groups of rows that belong together"
    elif made.rows.get("test", 0) < ENOUGH_TO_JUDGE:
        yield f"test has {made.rows.get('test', 0)} rows; a target is judged from {ENOUGH_TO_JUDGE} on (`min_samples`)"


def snippet(made: Imported, name: str, root: Path) -> Iterator[str]:
    """The lines that a spec needs for it."""
    assert made.folder is not None
    folder = made.folder.resolve()
    shown = folder.relative_to(root.resolve()) if folder.is_relative_to(root.resolve()) else made.folder
    dataset = dataset_of(made.fields)
    yield "datasets:"
    yield f"  {_quoted(name)}:"
    yield f"    path: {_quoted(shown.as_posix())}"
    yield "    splits: {" + ", ".join(f"{split}: {split}.jsonl" for split in made.rows) + "}"
    if not {"prompt", "messages"} & set(made.fields):
        texts = [c for c in made.fields if c != dataset.image]
        yield f"    # columns: {', '.join(_quoted(c) for c in texts)}"
        if dataset.prompt in ("", "?"):
            yield '    prompt: "…"            # what is asked; {column} is replaced'
        else:
            yield f"    prompt: {_quoted(dataset.prompt)}"
        answer = dataset.reference if dataset.reference in made.fields else "…"
        yield f"    reference: {answer}" + ("" if answer != "…" else "           # the column of the right answer")
    for key, value in (("image", dataset.image), ("facts", dataset.facts), ("cluster_by", dataset.cluster_by)):
        if value:
            yield f"    {key}: {value}"


def _quoted(text: str) -> str:
    plain = text.replace("_", "a").replace("/", "a").replace("-", "a")
    return text if plain.isalnum() and not plain[0].isdigit() else json.dumps(text, ensure_ascii=False)
