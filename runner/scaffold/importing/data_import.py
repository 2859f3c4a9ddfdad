"""Bringing data into the project: tables, pictures, hub data sets → one JSONL file a split, pictures as files.

What a record rests on has a digest, so data is copied in once, at a commit, instead of being fetched by every run.
Every row and every picture keeps a line in `provenance.jsonl` that says where it came from.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from runner.canonical import digest_file
from runner.errors import Diagnostic, InvalidError
from runner.files import commit_folder, write_json
from runner.samples.dataset import DatasetSpec
from runner.samples.findings import Findings
from runner.samples.prepare import prepare
from runner.samples.rows import Row
from runner.scaffold.importing.columns import Column, columns_of, parse_map, split_of
from runner.scaffold.importing.grouping import SPLITS, Shares, assign, join, near_pairs
from runner.scaffold.importing.imported_rows import Converter, ImportedRow
from runner.scaffold.importing.pictures import MAX_SIDE, SOURCE_FILE
from runner.scaffold.importing.sources import Gathered, gather, read_table, rows_of_folders
from runner.scaffold.importing.xlsx import Reading

PROVENANCE = "provenance.jsonl"
PEEK_ROWS = 200  # of each table, for guessing what its columns are


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How sources are to be read and split."""

    maps: tuple[str, ...] = ()  # column=field
    revision: str = "main"  # of hub data sets
    splits: Mapping[str, str] = field(default_factory=dict)  # split → glob over the tables
    shares: Shares = field(default_factory=Shares)
    seed: int = 19
    resplit: bool = False  # whatever the source says of splits
    reading: Reading = field(default_factory=Reading)
    max_side: int = MAX_SIDE  # pixels
    keep_originals: bool = True


@dataclass(frozen=True)
class Imported:
    """What was written below `folder`, or would be where it is None."""

    folder: Path | None
    sources: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: dict[str, int]  # split → rows; by one split "" where nothing was split
    groups: int
    preview: tuple[ImportedRow, ...]
    findings: tuple[Diagnostic, ...]
    pictures: int = 0
    changes: dict[str, int] = field(default_factory=dict)  # what was done to pictures → how many
    fields: tuple[str, ...] = ()  # columns of the rows as written


def import_data(sources: Sequence[str], folder: Path | None, options: ImportOptions) -> Imported:
    """Copy the sources into the new `folder`; None only looks at them and says what would be done.

    Raises:
        InvalidError: the folder is there already, nothing to import, unreadable rows or pictures, or the hub refuses.
    """
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise InvalidError(f"`{folder}` is there already", help="name a new folder, or take the old one away")
    parent = (folder or Path("preview")).parent
    missing = [p for p in (parent, *parent.parents) if not p.exists()]
    parent.mkdir(parents=True, exist_ok=True)
    work = parent / f".{secrets.token_hex(8)}.import"
    try:
        out = work / "out"
        out.mkdir(parents=True)
        gathered = gather(sources, work / "raw", revision=options.revision, splits=options.splits)
        made = _Import(gathered, options, out).run(whole=folder is not None)
        if folder is None:
            return made
        if folder.exists():
            folder.rmdir()
        commit_folder(out, folder)
        return replace(made, folder=folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        for empty in missing if folder is None or not folder.exists() else ():
            if empty.exists() and not any(empty.iterdir()):
                empty.rmdir()


class _Import:
    """One import into an empty folder."""

    def __init__(self, gathered: Gathered, options: ImportOptions, out: Path) -> None:
        self._gathered, self._options, self._out = gathered, options, out
        self._findings = Findings()
        peeked = self._rows(Findings(), replace(options.reading, pixels=False), limit=PEEK_ROWS)
        self.columns = columns_of([row.columns for _, _, row in peeked], parse_map(options.maps))
        self._converter = Converter(self.columns, gathered.album, out, options.max_side, options.keep_originals)

    def _rows(self, findings: Findings, reading: Reading, limit: int | None = None) -> Iterator[tuple[str, str, Row]]:
        """(split told, place, row) of all tables, or of all pictures where there are none."""
        for table in self._gathered.tables:
            for row in islice(read_table(table, reading, findings), limit):
                yield table.split, f"{table.shown}:{row.line}", row
        if not self._gathered.tables:
            for place, row in islice(rows_of_folders(self._gathered.album), limit):
                yield "", place, row

    def run(self, *, whole: bool) -> Imported:
        """Read everything, split it and write it; without `whole`, read what a preview needs."""
        rows = self._converted(None if whole else PEEK_ROWS)
        if self._findings.has_errors or not rows:
            if not self._findings.has_errors:
                self._findings.error("E706", "no rows came of it", ", ".join(self._gathered.shown))
            raise InvalidError.of(self._findings.all())
        made = Imported(
            folder=None,
            sources=self._gathered.shown,
            columns=self.columns,
            rows={"": len(rows)},
            groups=0,
            preview=tuple(self._converter.shown(rows[i]) for i in _spread(len(rows))),
            findings=self._findings.all(),
            pictures=len(self._converter.pictures),
            changes=dict(Counter(c for p in self._converter.pictures.values() for c in p["changes"])),
            fields=tuple(dict.fromkeys(chain.from_iterable(row.columns for row in rows[:PEEK_ROWS]))),
        )
        return self._write(rows, made) if whole else made

    def _converted(self, limit: int | None) -> list[ImportedRow]:
        rows = []
        for split, place, row in self._rows(self._findings, self._options.reading, limit):
            try:
                rows.append(self._converter.convert(row, place, split))
            except InvalidError as error:
                path, _, line = place.rpartition(":")
                where = (path, int(line)) if line.isdigit() else (place, 0)
                self._findings.error("E760", error.message, *where, help=error.help)
        return rows

    def _write(self, rows: list[ImportedRow], made: Imported) -> Imported:
        groups = join(_with_near([row.keys for row in rows], [row.near for row in rows]))
        told = [split_of(row.split) for row in rows]
        keep = any(told) and not self._options.resplit
        chosen = [t or "train" for t in told] if keep else assign(groups, self._options.shares, seed=self._options.seed)
        counts = {s: n for s in SPLITS if (n := list(chosen).count(s))}
        for split in counts:
            lines = [row.line() for row, own in zip(rows, chosen, strict=True) if own == split]
            (self._out / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
        self._provenance(rows, chosen, groups)
        write_json(self._out / SOURCE_FILE, self._source(counts, len(set(groups)), keep))
        findings = (*made.findings, *self._checked(counts, made.fields))
        return replace(made, rows=counts, groups=len(set(groups)), findings=findings)

    def _provenance(self, rows: Sequence[ImportedRow], chosen: Sequence[str], groups: Sequence[int]) -> None:
        lines: Counter[str] = Counter()
        with (self._out / PROVENANCE).open("x", encoding="utf-8") as f:
            for row, split, group in zip(rows, chosen, groups, strict=True):
                lines[split] += 1
                about = {"row": f"{split}.jsonl:{lines[split]}", "from": row.place, "group": group}
                f.write(json.dumps(about, ensure_ascii=False) + "\n")
            for path, about in sorted(self._converter.pictures.items()):
                f.write(json.dumps({"picture": path, **about}, ensure_ascii=False) + "\n")

    def _source(self, counts: dict[str, int], groups: int, kept: bool) -> dict[str, Any]:
        options = self._options
        shares = options.shares
        by_us = {"ratio": f"{shares.train:g}/{shares.valid:g}/{shares.test:g}", "seed": options.seed, "groups": groups}
        return {
            "sources": list(self._gathered.shown),
            "tables": {t.shown: digest_file(t.path) for t in self._gathered.tables},
            "columns": {c.name: c.field for c in self.columns},
            "split": "as the source has it" if kept else by_us,
            "rows": counts,
            "pictures": len(self._converter.pictures),
            "max_side": options.max_side,
            "digests": {name: digest_file(self._out / name) for name in [*(f"{s}.jsonl" for s in counts), PROVENANCE]},
        }

    def _checked(self, counts: Mapping[str, int], fields: tuple[str, ...]) -> tuple[Diagnostic, ...]:
        """What `validate` would say of the finished data set, with duplicates and leaks between its splits."""
        splits = {split: f"{split}.jsonl" for split in counts}
        dataset = replace(dataset_of(fields), path=self._out.name, splits=splits)
        if not dataset.prompt and not {"messages", "prompt"} & set(fields):
            return ()
        try:
            found = prepare(dataset, self._out.parent).findings
        except InvalidError as error:
            found = tuple(error.diagnostics)
        prefix = f"{self._out.name}/"
        return tuple(replace(d, path=d.path.removeprefix(prefix), message=d.message.replace(prefix, "")) for d in found)


def dataset_of(fields: Sequence[str]) -> DatasetSpec:
    """The data set that columns with our fields' names make; no `prompt` where nothing asks."""
    asks = " ".join(f"{{{name}}}" for name in ("question", "text") if name in fields)
    if not asks and "image" in fields and "answer" in fields:
        asks = "?"
    ready = "messages" in fields or {"prompt", "completion"} <= set(fields)
    return DatasetSpec(
        "imported",
        "",
        prompt="" if ready or "answer" not in fields else asks,
        image="image" if "image" in fields else "",
        reference="completion" if "completion" in fields and ready else "answer",
        facts="facts" if "facts" in fields else "",
        cluster_by="document" if "document" in fields else "",
    )


def _with_near(keys: Sequence[tuple[str, ...]], near: Sequence[str]) -> list[tuple[str, ...]]:
    """The rows' keys, with one more for each pair of nearly equal texts."""
    texts = [i for i, text in enumerate(near) if text]
    joined = [list(own) for own in keys]
    for a, b in near_pairs([near[i] for i in texts]):
        for i in (texts[a], texts[b]):
            joined[i].append(f"near:{texts[a]}:{texts[b]}")
    return [tuple(own) for own in joined]


def _spread(count: int) -> list[int]:
    """Five places, from the first to the last."""
    return sorted({round(i * (count - 1) / 4) for i in range(5)})
