"""Rows of a spreadsheet (.xlsx), streamed. A workbook is a zip of XML, so its sizes are looked at before it is read."""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.errors import InvalidError
from runner.files import open_regular
from runner.samples.findings import Findings
from runner.samples.rows import Row

MAX_BYTES = 256 * 2**20  # of the file
MAX_UNPACKED_BYTES = 2**30
MAX_PART_BYTES = 512 * 2**20
MAX_RATIO = 300  # unpacked to packed; worksheets of text reach about 30
MAX_PARTS = 20_000
MAX_ROWS = 1_048_576
MAX_COLUMNS = 1000
_SMALL_BYTES = 2**20  # parts below this may be packed as tightly as they like


def read_xlsx(path: Path, root: Path, findings: Findings, *, sheet: str = "", formulas: str = "text") -> Iterator[Row]:
    """Rows of one sheet (the first visible one without a name); the first row with a cell in it is the header.

    Nothing is computed. A formula is its own text, with a warning; `formulas="values"` takes the result that the
    program which saved the file left beside it.

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
        media = _check_zip(f, shown)
        if media:
            message = f"{media} pictures are pasted into the sheet; they are not read"
            findings.warning("W763", message, shown, help="save them as files, and name the files in a column")
        try:
            book = openpyxl.load_workbook(f, read_only=True, data_only=formulas == "values", keep_links=False)
            try:
                yield from _rows(_sheet(book, sheet, shown), shown, findings)
            finally:
                book.close()
        except InvalidError:
            raise
        # What openpyxl and the zip and XML readers below it raise on damaged or hostile files.
        except (InvalidFileException, zipfile.BadZipFile, SyntaxError, ValueError, TypeError, KeyError) as error:
            raise InvalidError(f"`{shown}` is a broken spreadsheet: {str(error)[:200]}") from error
        except (AttributeError, IndexError, EOFError, OSError, RecursionError) as error:
            raise InvalidError(f"`{shown}` is a broken spreadsheet: {str(error)[:200]}") from error


def _check_zip(f: Any, shown: str) -> int:
    """How many pictures are pasted in. The sizes of a zip's directory bound what its members may unpack to."""
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
    return sum(p.filename.startswith("xl/media/") for p in parts)


def _sheet(book: Any, name: str, shown: str) -> Any:
    sheets = [s for s in book.worksheets if s.sheet_state == "visible"] if not name else book.worksheets
    for sheet in sheets:
        if not name or sheet.title == name:
            return sheet
    there = ", ".join(f"`{s.title[:60]}`" for s in book.worksheets[:20]) or "none"
    raise InvalidError(f"`{shown}` has no sheet `{name}`", help=f"its sheets are {there}")


def _rows(sheet: Any, shown: str, findings: Findings) -> Iterator[Row]:
    sheet.reset_dimensions()  # what a file says of its own size is not to be believed
    header: list[str] = []
    for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), 1):
        if number > MAX_ROWS:
            raise InvalidError(f"`{shown}` has more than {MAX_ROWS:,} rows")
        values = [_value(cell, shown, findings) for cell in cells]
        if all(v is None or v == "" for v in values):
            continue
        if not header:
            header = _header(values)
            if len(set(header)) != len(header):
                findings.error("E705", "the header has a repeated column name", shown, number)
                return
            continue
        row = dict(zip(header, [*values, *[None] * (len(header) - len(values))], strict=False))
        stray = [v for v in values[len(header) :] if v not in (None, "")]
        if stray:
            findings.warning("W764", f"a cell right of the header is left out: `{str(stray[0])[:60]}`", shown, number)
        yield Row(number, row)


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
