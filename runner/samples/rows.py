"""Rows of JSONL and CSV files, streamed, each with its line; what cannot be read becomes a finding, not a stop."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from runner.errors import InvalidError
from runner.files import open_regular
from runner.samples.findings import Findings

MAX_LINE_BYTES = 16 * 2**20
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Row:
    """One row as it was written: column → value, and the line it starts on (a row number where there are no lines)."""

    line: int
    columns: dict[str, Any]


Reader = Callable[[Path, Path, Findings], Iterator[Row]]


def read_jsonl(path: Path, root: Path, findings: Findings) -> Iterator[Row]:
    """Rows of a JSON Lines file in UTF-8, with or without a byte order mark. Empty lines are skipped.

    Findings name the path as it is seen from `root`, below which no symbolic link is followed.

    Raises:
        InvalidError: the file is missing or no plain file.
    """
    shown = path.relative_to(root).as_posix()
    with open_regular(path, root=root) as f:
        for number, line in _lines(f, shown, findings):
            try:
                row = json.loads(line, object_pairs_hook=_columns, parse_constant=_refuse_constant)
                if b"\\ud" in line.lower():
                    json.dumps(row, ensure_ascii=False).encode()  # half of a surrogate pair has no UTF-8 form
            except UnicodeDecodeError as error:
                findings.error(
                    "E701", f"not UTF-8 (byte {error.start} of the line)", shown, number, help="save as UTF-8"
                )
            except UnicodeEncodeError:
                findings.error("E702", "an escape that is half of a surrogate pair", shown, number)
            except (ValueError, RecursionError) as error:
                findings.error("E702", f"not a JSON object: {str(error)[:200]}", shown, number)
            else:
                if isinstance(row, dict):
                    yield Row(number, row)
                else:
                    findings.error("E702", f"not a JSON object, but {type(row).__name__}", shown, number)


def _lines(f: BinaryIO, shown: str, findings: Findings) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := f.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            findings.error("E703", f"the line is longer than {MAX_LINE_BYTES:,} bytes", shown, number)
            while line and not line.endswith(b"\n"):
                line = f.readline(MAX_LINE_BYTES)
            continue
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            yield number, line


def _columns(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    columns = dict(pairs)
    if len(columns) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key `{twice[:80]}` is there twice")
    return columns


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_csv(path: Path, root: Path, findings: Findings) -> Iterator[Row]:
    """Rows of a CSV file with a header; UTF-8 with or without a byte order mark, or CP949 where it is not UTF-8.

    A file named `.tsv` has tabs between its cells. A cell may hold line breaks; a row's line is the one it starts on.

    Raises:
        InvalidError: the file is missing or no plain file.
    """
    shown = path.relative_to(root).as_posix()
    encoding = _encoding(path, root)
    if encoding is None:
        findings.error("E701", "neither UTF-8 nor CP949", shown, help="save as UTF-8")
        return
    if encoding == "cp949":
        findings.warning("W701", "not UTF-8; read as CP949", shown, help="save as UTF-8 to leave no doubt")
    with open_regular(path, root=root) as f, io.TextIOWrapper(f, encoding=encoding, newline="") as text:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        # A line that is cut short here ends in an error of the csv module, so a giant cell cannot fill the memory.
        reader = csv.reader(iter(lambda: text.readline(MAX_LINE_BYTES), ""), delimiter=delimiter, strict=True)
        yield from _records(reader, shown, findings)


def _records(reader: Any, shown: str, findings: Findings) -> Iterator[Row]:
    header: list[str] = []
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            findings.error("E704", f"not CSV: {error}", shown, start)
            if "unexpected end" in str(error) or not header:
                return
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if not header:
            header = [cell.strip() for cell in cells]
            if len(set(header)) != len(header) or "" in header:
                findings.error("E705", "the header has an empty or repeated column name", shown, start)
                return
        elif len(cells) != len(header):
            findings.error("E704", f"{len(cells)} cells under {len(header)} columns", shown, start)
        else:
            yield Row(start, dict(zip(header, cells, strict=True)))


def _encoding(path: Path, root: Path) -> str | None:
    """The first of UTF-8 (with or without a byte order mark) and CP949 that the whole file is valid in."""
    for encoding in ("utf-8-sig", "cp949"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with open_regular(path, root=root) as f:
                while block := f.read(_BLOCK):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    return None


def read_parquet(path: Path, root: Path, findings: Findings) -> Iterator[Row]:
    """Rows of a Parquet file, a batch at a time; a row's line is its number, counted from 1.

    Raises:
        InvalidError: pyarrow is not installed, or the file is missing or not Parquet.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InvalidError("reading Parquet needs pyarrow", help="pip install pyarrow") from error
    number = 0
    try:
        with open_regular(path, root=root) as f, pyarrow.parquet.ParquetFile(f) as table:
            for batch in table.iter_batches(batch_size=256):
                for columns in batch.to_pylist():
                    number += 1
                    yield Row(number, columns)
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidError(f"`{path}` is not Parquet: {str(error)[:200]}") from error


READERS: dict[str, Reader] = {"jsonl": read_jsonl, "csv": read_csv, "parquet": read_parquet}
SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
