"""Bringing data into the project: a hub data set or local tables → one JSONL file a split, images as files.

What a record rests on has a digest, so data is copied in once, at a commit, instead of being fetched by every run.
"""

from __future__ import annotations

import datetime
import decimal
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.canonical import digest_bytes, digest_file
from runner.errors import InvalidError
from runner.files import commit_folder, write_json
from runner.samples.findings import Findings
from runner.samples.images import image_suffix
from runner.samples.rows import READERS, SUFFIXES
from runner.scaffold.hub_data import HubFiles, fetch_files

HUB_PREFIX = "hf:"
SOURCE_FILE = "source.json"
# How data sets on the hub call their splits, as a word of a file's or folder's name.
_SPLIT_WORDS = {"train": "train", "training": "train", "validation": "valid", "valid": "valid", "val": "valid"}
_SPLIT_WORDS |= {"dev": "valid", "test": "test", "testing": "test", "eval": "test"}


@dataclass(frozen=True)
class Imported:
    """What was written below `folder`."""

    folder: Path
    source: str  # hf:owner/name@commit, or the local path
    rows: dict[str, int]
    columns: tuple[str, ...]
    images: tuple[str, ...]  # columns that hold image paths


def import_data(
    source: str, folder: Path, *, revision: str = "main", splits: Mapping[str, str] | None = None
) -> Imported:
    """Copy `source` (`hf:owner/name`, a file or a folder) into the new folder as `<split>.jsonl`.

    `splits` maps a split to a glob over the source's files; without it they are told by their names.

    Raises:
        InvalidError: the folder is there already, nothing to import, unreadable rows, or the hub refuses.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InvalidError(f"`{folder}` is there already", help="name a new folder, or take the old one away")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f".{secrets.token_hex(8)}.import")
    try:
        out = work / "out"
        out.mkdir(parents=True)
        files = _bring(source, work / "raw", revision, splits)
        writer = _Writer(out)
        for split, paths in files.by_split.items():
            writer.write(split, paths)
        _write_source(out, files, writer)
        if folder.exists():
            folder.rmdir()
        commit_folder(out, folder)
        return Imported(folder, files.source, writer.rows, tuple(writer.columns), tuple(sorted(writer.images)))
    finally:
        shutil.rmtree(work, ignore_errors=True)


@dataclass(frozen=True)
class _Files:
    source: str
    by_split: dict[str, tuple[Path, ...]]


def _bring(source: str, folder: Path, revision: str, splits: Mapping[str, str] | None) -> _Files:
    if source.startswith(HUB_PREFIX):
        hub_id = source.removeprefix(HUB_PREFIX)
        fetched: HubFiles = fetch_files(hub_id, revision, folder, lambda names: _chosen(names, splits))
        base, names, shown = folder, fetched.names, f"{source}@{fetched.commit}"
    else:
        path = Path(source)
        if not path.exists():
            raise InvalidError(f"`{source}` is not there", help="`hf:owner/name` imports from the hub")
        base = path if path.is_dir() else path.parent
        every = [p for p in sorted(path.rglob("*")) if p.is_file()] if path.is_dir() else [path]
        names, shown = tuple(p.relative_to(base).as_posix() for p in every), source
    chosen = _chosen(names, splits)
    return _Files(shown, {split: tuple(base / name for name in names) for split, names in chosen.items()})


def _chosen(names: Sequence[str], splits: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    """Split → files, in order of their names.

    Raises:
        InvalidError: no table, or a pattern that matches none.
    """
    tables = [name for name in sorted(names) if Path(name).suffix.lower() in SUFFIXES]
    if splits:
        chosen = {s: tuple(n for n in tables if Path(n).match(pattern)) for s, pattern in splits.items()}
        missing = [f"`{pattern}`" for s, pattern in splits.items() if not chosen[s]]
        if missing:
            raise InvalidError(f"no table matches {', '.join(missing)}", help=_listed(tables))
        return chosen
    found: dict[str, tuple[str, ...]] = {}
    for name in tables:
        words = re.split(r"[^a-z]+", name.lower())
        split = next((_SPLIT_WORDS[w] for w in reversed(words) if w in _SPLIT_WORDS), "train")
        found[split] = (*found.get(split, ()), name)
    if not found:
        raise InvalidError("there is no JSONL, CSV or Parquet file to import", help=_listed(names))
    order = ["train", "valid", "test"]
    return {split: found[split] for split in order if split in found}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return "there are " + (", ".join(f"`{name[:100]}`" for name in names[:10]) or "no files") + more


class _Writer:
    """Rows out as JSONL, embedded images as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rows: dict[str, int] = {}
        self.columns: dict[str, None] = {}
        self.images: set[str] = set()

    def write(self, split: str, paths: Sequence[Path]) -> None:
        """Write one split.

        Raises:
            InvalidError: a row cannot be read or has a value that JSON has no form for.
        """
        findings = Findings()
        with (self._folder / f"{split}.jsonl").open("x", encoding="utf-8") as f:
            for path in paths:
                for row in READERS[SUFFIXES[path.suffix.lower()]](path, path.parent, findings):
                    columns = {str(k): self._value(str(k), v) for k, v in row.columns.items()}
                    self.columns.update(dict.fromkeys(columns))
                    f.write(json.dumps(columns, ensure_ascii=False, allow_nan=False) + "\n")
                    self.rows[split] = self.rows.get(split, 0) + 1
        if findings.has_errors or not self.rows.get(split):
            findings.error("E706", "no rows came of it", split)
            raise InvalidError.of(findings.all())

    def _value(self, column: str, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):  # how the hub embeds an image
            self.images.add(column)
            return self._image(value["bytes"])
        if isinstance(value, bytes):
            self.images.add(column)
            return self._image(value)
        if isinstance(value, dict):
            return {str(k): self._value(column, v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(column, v) for v in value]
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, decimal.Decimal):
            return str(value)
        if value is None or isinstance(value, str | int | float):
            return None if isinstance(value, float) and value != value else value  # noqa: PLR0124  (NaN)
        raise InvalidError(f"the column `{column[:80]}` holds {type(value).__name__}, which JSON has no form for")

    def _image(self, data: bytes) -> str:
        name = f"images/{digest_bytes(data).removeprefix('sha256:')[:32]}{image_suffix(data)}"
        path = self._folder / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        return name


def _write_source(folder: Path, files: _Files, writer: _Writer) -> None:
    digests = {split: digest_file(folder / f"{split}.jsonl") for split in files.by_split}
    write_json(folder / SOURCE_FILE, {"source": files.source, "rows": writer.rows, "digests": digests})


def snippet(imported: Imported, name: str, root: Path) -> Iterator[str]:
    """The lines that a spec needs for it, with the columns to choose from."""
    folder = imported.folder.resolve()
    shown = folder.relative_to(root.resolve()) if folder.is_relative_to(root.resolve()) else imported.folder
    yield "datasets:"
    yield f"  {name}:"
    yield f"    path: {json.dumps(shown.as_posix(), ensure_ascii=False)}"
    yield "    splits: {" + ", ".join(f"{split}: {split}.jsonl" for split in imported.rows) + "}"
    texts = [c for c in imported.columns if c not in imported.images]
    yield f"    # columns: {', '.join(json.dumps(c, ensure_ascii=False) for c in texts)}"
    if not {"prompt", "messages"} & set(texts):
        yield '    prompt: "{…}"          # the column that asks'
        yield "    reference: …           # the column of the right answer"
    for column in imported.images:
        yield f"    image: {json.dumps(column, ensure_ascii=False)}"
