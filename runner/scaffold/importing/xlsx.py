"""Rows of a spreadsheet (.xlsx), streamed. A workbook is a zip of XML, so its sizes are looked at before it is read."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from runner.errors import InvalidError
from runner.files import open_regular
from runner.samples.findings import Findings
from runner.samples.images import MAX_BYTES as MAX_PICTURE_BYTES
from runner.samples.rows import Row
from runner.scaffold.importing.xlsx_parts import Parts
from runner.scaffold.importing.xlsx_pictures import Cell, Placed, name_of, pictures_of

MAX_BYTES = 256 * 2**20  # of the file
MAX_UNPACKED_BYTES = 2**30
MAX_PART_BYTES = 512 * 2**20
MAX_RATIO = 300  # unpacked to packed; worksheets of text reach about 30
MAX_PARTS = 20_000
MAX_ROWS = 1_048_576
MAX_COLUMNS = 1000
_SMALL_BYTES = 2**20  # parts below this may be packed as tightly as they like


@dataclass(frozen=True)
class Reading:
    """How spreadsheets are read."""

    sheet: str = ""  # the first visible one without a name
    formulas: str = "text"  # text | values: the result that the program which saved the file left beside it
    pixels: bool = True  # without, pictures of the sheet stand for themselves, empty


def read_xlsx(path: Path, root: Path, findings: Findings, reading: Reading) -> Iterator[Row]:
    """Rows of one sheet; the first row with a cell in it is the header.

    Nothing is computed. A formula is its own text, with a warning. A picture that lies in a row, under a header, is
    that cell's value, as the hub writes pictures: {"bytes", "path"}; several in one cell are a list.

    Raises:
        InvalidError: no spreadsheet, damaged, unpacked too large, or no such sheet.
    """
    try:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise InvalidError("reading .xlsx needs openpyxl", help="pip install openpyxl") from error
    shown = path.relative_to(root).as_posix()
    with open_regular(path, root=root) as f:
        has_pictures = _check_zip(f, shown)
        try:
            values = reading.formulas == "values"
            book = openpyxl.load_workbook(f, read_only=True, data_only=values, keep_links=False)
            try:
                chosen = _sheet(book, reading.sheet, shown)
                with zipfile.ZipFile(f) as parts:
                    pictures = _Pictures(Parts(parts, shown), reading.pixels)
                    if has_pictures:
                        pictures.find(chosen.title, findings)
                    yield from _rows(chosen, pictures, shown, findings)
            finally:
                book.close()
        except InvalidError:
            raise
        # What openpyxl and the zip and XML readers below it raise on damaged or hostile files.
        except (InvalidFileException, zipfile.BadZipFile, SyntaxError, ValueError, TypeError, KeyError) as error:
            raise InvalidError(f"`{shown}` is a broken spreadsheet: {str(error)[:200]}") from error
        except (AttributeError, IndexError, EOFError, OSError, RecursionError) as error:
            raise InvalidError(f"`{shown}` is a broken spreadsheet: {str(error)[:200]}") from error


class _Pictures:
    """The pictures of a sheet, read when their row comes."""

    def __init__(self, parts: Parts, pixels: bool) -> None:
        self._parts, self._pixels = parts, pixels
        self._placed: dict[Cell, tuple[Placed, ...]] = {}
        self._of_row: dict[int, list[int]] = {}

    def find(self, title: str, findings: Findings) -> None:
        """Look which cells of a sheet have some."""
        self._placed = pictures_of(self._parts, title, findings)
        for row, column in sorted(self._placed):
            self._of_row.setdefault(row, []).append(column)

    def __contains__(self, cell: Cell) -> bool:
        return cell in self._placed

    def columns(self, row: int) -> list[int]:
        """Columns, from 1, with pictures in this row."""
        return self._of_row.get(row, [])

    def value(self, cell: Cell) -> Any:
        """The cell's picture or pictures."""
        found = [self._read(cell, number, one.part) for number, one in enumerate(self._placed[cell], 1)]
        return found[0] if len(found) == 1 else found

    def _read(self, cell: Cell, number: int, part: str) -> dict[str, Any]:
        name = f"{PurePosixPath(self._parts.shown).stem}-{name_of(cell)}" + (f"-{number}" if number > 1 else "")
        data = self._parts.read(part, max_bytes=MAX_PICTURE_BYTES) if self._pixels else b""
        return {"bytes": data, "path": name + PurePosixPath(part).suffix.lower()}


def _check_zip(f: Any, shown: str) -> bool:
    """Whether there are pictures in it. The sizes of a zip's directory bound what its members may unpack to."""
    if f.seek(0, 2) > MAX_BYTES:
        raise InvalidError(f"`{shown}` is larger than {MAX_BYTES:,} bytes", help="save the sheet as CSV")
    f.seek(0)
    try:
        parts = zipfile.ZipFile(f).infolist()
    except (zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        help_text = "save it as .xlsx; a password has to be taken off first"
        raise InvalidError(f"`{shown}` is no .xlsx file: {str(error)[:200]}", help=help_text) from error
    total = sum(p.file_size for p in parts)
    tight = [p for p in parts if p.file_size > max(_SMALL_BYTES, MAX_RATIO * max(p.compress_size, 1))]
    if (
        len(parts) > MAX_PARTS
        or total > MAX_UNPACKED_BYTES
        or tight
        or any(p.file_size > MAX_PART_BYTES for p in parts)
    ):
        raise InvalidError(
            f"`{shown}` would unpack to {total:,} bytes, like a zip bomb; it was not opened",
            help="if the sheet is really that large, save it as CSV",
        )
    f.seek(0)
    return any(p.filename.startswith("xl/media/") for p in parts)


def _sheet(book: Any, name: str, shown: str) -> Any:
    sheets = [s for s in book.worksheets if s.sheet_state == "visible"] if not name else book.worksheets
    for sheet in sheets:
        if not name or sheet.title == name:
            return sheet
    there = ", ".join(f"`{s.title[:60]}`" for s in book.worksheets[:20]) or "none"
    raise InvalidError(f"`{shown}` has no sheet `{name}`", help=f"its sheets are {there}")


def _rows(sheet: Any, pictures: _Pictures, shown: str, findings: Findings) -> Iterator[Row]:
    sheet.reset_dimensions()  # what a file says of its own size is not to be believed
    header: list[str] = []
    for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), 1):
        if number > MAX_ROWS:
            raise InvalidError(f"`{shown}` has more than {MAX_ROWS:,} rows")
        values = [
            # A picture that was placed in a cell is an error to programs that do not know such cells.
            None if cell.data_type == "e" and (number, place) in pictures else _value(cell, shown, findings)
            for place, cell in enumerate(cells, 1)
        ]
        if all(v is None or v == "" for v in values) and not pictures.columns(number):
            continue
        if not header:
            header = _header(values)
            if len(set(header)) != len(header):
                findings.error("E705", "the header has a repeated column name", shown, number)
                return
            continue
        row = dict(zip(header, [*values, *[None] * (len(header) - len(values))], strict=False))
        row |= _illustrated(row, header, number, pictures, shown, findings)
        stray = [v for v in values[len(header) :] if v not in (None, "")]
        if stray:
            findings.warning("W764", f"a cell right of the header is left out: `{str(stray[0])[:60]}`", shown, number)
        yield Row(number, row)


def _illustrated(
    row: dict[str, Any], header: list[str], number: int, pictures: _Pictures, shown: str, findings: Findings
) -> dict[str, Any]:
    """The cells of a row that hold pictures. One that holds text as well keeps its text."""
    found = {}
    for column in pictures.columns(number):
        name = header[column - 1] if column <= len(header) else ""
        if name and row[name] in (None, ""):
            found[name] = pictures.value((number, column))
        else:
            why = "the cell under it holds text" if name else "there is no header above it"
            message = f"the picture at {name_of((number, column))} is left out: {why}"
            findings.warning("W763", message, shown, number, help="give pictures a column of their own")
    return found


def _header(values: list[Any]) -> list[str]:
    while values and values[-1] in (None, ""):
        values.pop()
    return [str(v).strip() if v not in (None, "") else f"column {n}" for n, v in enumerate(values, 1)]


def _value(cell: Any, shown: str, findings: Findings) -> Any:
    value = cell.value
    if cell.data_type == "f":
        message = f"cell {cell.coordinate} is a formula, and its text is taken: `{str(value)[:60]}`"
        findings.warning("W762", message, shown, cell.row, help="`--formulas values`, or paste the column as values")
        return str(value)
    if cell.data_type == "e":
        findings.warning("W761", f"cell {cell.coordinate} holds the error {str(value)[:20]}", shown, cell.row)
        return None
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
