"""What the SOURCEs of an import are: tables to read, folders to look for pictures in, splits told by names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import InvalidError
from runner.models.hub_data import fetch_files
from runner.samples.findings import Findings
from runner.samples.formats import METADATA
from runner.samples.hub_id import HUB_PREFIX
from runner.samples.rows import READERS, SUFFIXES, Row
from runner.scaffold.importing.columns import IMAGE_ENDINGS
from runner.scaffold.importing.pictures import Album, as_stored
from runner.scaffold.importing.xlsx import Reading, read_xlsx

XLSX = {".xlsx", ".xlsm"}
TABLES = {*SUFFIXES, *XLSX}
_SAVE_AS = "open it in the program that made it and save it as .xlsx or CSV"
_CONVERSIONS = {
    ".xls": f"{_SAVE_AS}, or: `soffice --headless --convert-to xlsx FILE.xls` (LibreOffice)",
    ".xlsb": f"{_SAVE_AS}, or: `soffice --headless --convert-to xlsx FILE.xlsb` (LibreOffice)",
    ".ods": f"{_SAVE_AS}, or: `soffice --headless --convert-to xlsx FILE.ods` (LibreOffice)",
    ".numbers": "in Numbers: File > Export To > Excel",
    ".cell": "in Hancom Hancell: save it as .xlsx (다른 이름으로 저장 > Excel 통합 문서)",
}
# How data sets call their splits, as a word of a file's or folder's name.
_SPLIT_WORDS = {"train": "train", "training": "train", "validation": "valid", "valid": "valid", "val": "valid"}
_SPLIT_WORDS |= {"dev": "valid", "test": "test", "testing": "test", "eval": "test"}


@dataclass(frozen=True)
class Table:
    """One file of rows. `split` is "" where its name does not tell one; `root` is the folder findings are seen from."""

    path: Path
    root: Path
    split: str = ""

    @property
    def shown(self) -> str:
        return self.path.relative_to(self.root).as_posix()


@dataclass(frozen=True)
class Gathered:
    """The sources, found."""

    shown: tuple[str, ...]  # as a record names them: hf:owner/name@commit, or the last part of a local path
    tables: tuple[Table, ...]
    album: Album


def gather(
    sources: Sequence[str], work: Path, *, revision: str = "main", splits: Mapping[str, str] | None = None
) -> Gathered:
    """Find the tables and pictures. Tables that are named win over those that lie in a named folder.

    Raises:
        InvalidError: a source is missing or of no use; nothing to import; a pattern matches nothing; the hub refuses.
    """
    shown, named, below, folders = list[str](), list[Table](), list[Table](), list[Path]()
    for number, source in enumerate(sources):
        if source.startswith(HUB_PREFIX):
            folder = work / str(number)
            hub_id = source.removeprefix(HUB_PREFIX)
            fetched = fetch_files(hub_id, revision, folder, lambda names: _wanted(names, splits))
            shown.append(f"{source}@{fetched.commit}")
            below += [Table(folder / n, folder) for n in sorted(fetched.names) if Path(n).suffix.lower() in TABLES]
            folders.append(folder)
            continue
        path = as_stored(Path(source))
        shown.append(path.resolve().name)
        if path.is_dir():
            folders.append(path)
            below += [Table(p, path) for p in _tables_below(path)]
        elif path.is_file():
            named.append(_single(path))
            folders.append(path.parent) if len(sources) == 1 else None
        else:
            raise InvalidError(f"`{source}` is not there", help="`hf:owner/name` imports from the hub")
    tables = _split(named or below, splits)
    album = Album(folders)
    if not tables and not album.files:
        raise InvalidError("there is neither a table nor a picture to import", help=f"tables end in {_endings()}")
    return Gathered(tuple(shown), tables, album)


def _single(path: Path) -> Table:
    if path.suffix.lower() in IMAGE_ENDINGS:
        raise InvalidError(f"`{path}` is a single picture", help="name its folder, and the table with the answers")
    if path.suffix.lower() not in TABLES:
        help_text = _CONVERSIONS.get(path.suffix.lower(), f"tables end in {_endings()}")
        raise InvalidError(f"`{path}` is of no kind that can be imported", help=help_text)
    return Table(path, path.parent)


def _endings() -> str:
    return ", ".join(sorted(TABLES))


def _tables_below(folder: Path) -> list[Path]:
    found = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in TABLES and p.is_file()]
    return [p for p in found if not p.is_symlink() and not any(part.startswith((".", "~$")) for part in p.parts[-2:])]


def _wanted(names: Sequence[str], splits: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    """The files of a hub data set to receive: its tables, and its pictures where a table names them."""
    tables = [Table(Path("/") / n, Path("/")) for n in sorted(names) if Path(n).suffix.lower() in TABLES]
    chosen = [t.shown for t in _split(tables, splits)]
    if not chosen:
        raise InvalidError("there is no JSONL, CSV, Parquet or .xlsx file to import", help=_listed(names))
    if any(Path(name).name in METADATA for name in chosen):
        chosen += [n for n in sorted(names) if n.lower().endswith(IMAGE_ENDINGS)]
    return {"all": tuple(chosen)}


def _split(tables: Sequence[Table], splits: Mapping[str, str] | None) -> tuple[Table, ...]:
    """The tables with their splits: by the patterns given, else by their names, else none of them has one."""
    if splits:
        made = [
            Table(t.path, t.root, split)
            for split, pattern in splits.items()
            for t in tables
            if Path(t.shown).match(pattern)
        ]
        missing = [f"`{pattern}`" for split, pattern in splits.items() if split not in {t.split for t in made}]
        if missing:
            raise InvalidError(f"no table matches {', '.join(missing)}", help=_listed([t.shown for t in tables]))
        return tuple(made)
    told = [Table(t.path, t.root, _by_name(t.shown)) for t in tables]
    if not any(t.split for t in told):
        return tuple(tables)
    return tuple(Table(t.path, t.root, t.split or "train") for t in told)


def _by_name(name: str) -> str:
    words = re.split(r"[^a-z]+", name.lower())
    return next((_SPLIT_WORDS[w] for w in reversed(words) if w in _SPLIT_WORDS), "")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return "there are " + (", ".join(f"`{name[:100]}`" for name in names[:10]) or "no files") + more


def read_table(table: Table, reading: Reading, findings: Findings) -> Iterator[Row]:
    """The rows of one table.

    Raises:
        InvalidError: it cannot be read at all.
    """
    if table.path.suffix.lower() in XLSX:
        return read_xlsx(table.path, table.root, findings, reading)
    return READERS[SUFFIXES[table.path.suffix.lower()]](table.path, table.root, findings)


def rows_of_folders(album: Album) -> Iterator[tuple[str, Row]]:
    """(place, row) of pictures without a table: the folder that a picture lies in is its answer.

    Raises:
        InvalidError: they lie in no folders of their own, so nothing says what is right.
    """
    for number, (folder, path) in enumerate(album.files, 1):
        if path.parent == folder:
            raise InvalidError(
                f"`{path.name}` has no answer: there is no table, and it lies in no folder named for what it shows",
                help="name a table with a column of file names as a SOURCE, or use folders such as cat/1.jpg",
            )
        relative = path.relative_to(folder)
        columns = {"image": relative.as_posix(), "answer": relative.parent.name}
        split = next((s for part in relative.parts[:-2] if (s := _by_name(part))), "")
        yield relative.as_posix(), Row(number, {**columns, **({"split": split} if split else {})})
