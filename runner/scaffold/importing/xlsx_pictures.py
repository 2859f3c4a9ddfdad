"""Pictures of a worksheet and the cells that they belong to: pasted over cells (drawings), or placed in cells.

A pasted picture is a rectangle over the grid (ECMA-376 part 1, 20.5: anchors of one cell, two cells, or none). It
belongs to a row where at least two thirds of its height lie in that row: a picture under the wrong row would be a
wrong answer, so what is in doubt is named and left out. What was placed in a cell is a rich value (`xlsx_rich`).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import PurePosixPath

from runner.samples.findings import Findings
from runner.scaffold.importing.xlsx_parts import RELATION, Parts, Relation
from runner.scaffold.importing.xlsx_rich import pictures_in_cells

EMU = {"point": 12_700, "pixel": 9_525}
SHARE = 2 / 3  # of a picture's height in the row that it belongs to
MAX_PICTURES = 100_000
MAX_ROW, MAX_COLUMN = 1_048_576, 16_384
_HEIGHT, _WIDTH = 15.0, 8.43  # of a row in points, of a column in digits, where the sheet does not say
_HELP = "put it into the row and column that it belongs to, or save it as a file and name the file in a column"

Cell = tuple[int, int]  # row and column, from 1


@dataclass(frozen=True)
class Placed:
    """A picture under a cell. `at` orders several of one cell."""

    part: str
    at: tuple[float, float]


@dataclass
class _Grid:
    """Where the rows and columns of a sheet begin, in EMU."""

    heights: dict[int, float] = field(default_factory=dict)  # row → points
    widths: dict[int, float] = field(default_factory=dict)  # column → digits
    height: float = _HEIGHT
    width: float = _WIDTH
    values: dict[Cell, int] = field(default_factory=dict)  # cell → its `vm`
    drawings: list[str] = field(default_factory=list)  # relation ids

    def edges(self, count: int, *, rows: bool) -> list[float]:
        """The upper (left) edges of rows (columns) 1 to `count`, and the last one's end."""
        if rows:
            sizes = (self.heights.get(i, self.height) * EMU["point"] for i in range(1, count + 1))
        else:
            sizes = ((self.widths.get(i, self.width) * 7 + 5) * EMU["pixel"] for i in range(1, count + 1))
        return [0.0, *accumulate(sizes)]


@dataclass
class _Anchor:
    """One anchor as it is written: cells from 0 with offsets, sizes and positions in EMU."""

    numbers: dict[str, float] = field(default_factory=dict)  # "from.row", "to.colOff", "ext.cx", "pos.x" …
    pictures: list[str] = field(default_factory=list)  # relation ids


def pictures_of(parts: Parts, title: str, findings: Findings) -> dict[Cell, tuple[Placed, ...]]:
    """The pictures of the sheet called `title`, by the cell that they belong to; `findings` names those of no one cell.

    Raises:
        InvalidError: parts of the workbook are broken.
    """
    sheet = _sheet_part(parts, title)
    grid = _grid(parts, sheet)
    found: dict[Cell, list[Placed]] = defaultdict(list)
    in_cells = pictures_in_cells(parts) if grid.values else {}
    for cell, key in grid.values.items():
        if key in in_cells:
            found[cell].append(Placed(in_cells[key], (0.0, 0.0)))
    relations = parts.relations(sheet)
    for drawing in grid.drawings:
        if drawing in relations and relations[drawing].target:
            _pasted(parts, relations[drawing].target, grid, found, findings)
    return {cell: tuple(sorted(own, key=lambda p: p.at)) for cell, own in found.items()}


def name_of(cell: Cell) -> str:
    """`B5`."""
    row, column = cell
    letters = ""
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return f"{letters}{row}"


def _sheet_part(parts: Parts, title: str) -> str:
    ids: list[str] = []

    def on_start(path: tuple[str, ...], values: Mapping[str, str]) -> None:
        if path[-1] == "sheet" and values.get("name") == title:
            ids.append(values.get(f"{RELATION} id", ""))

    parts.walk("xl/workbook.xml", on_start)
    relations = parts.relations("xl/workbook.xml")
    return relations.get(ids[0], Relation("", "")).target if ids else ""


def _grid(parts: Parts, sheet: str) -> _Grid:
    grid = _Grid()

    def on_start(path: tuple[str, ...], values: Mapping[str, str]) -> None:
        name = path[-1]
        if name == "row" and (row := _whole(values.get("r"))) and ("ht" in values or values.get("hidden") == "1"):
            grid.heights[row] = 0.0 if values.get("hidden") == "1" else _size(values.get("ht"), _HEIGHT)
        elif name == "c" and (key := _whole(values.get("vm"))) and (cell := _cell(values.get("r", ""))):
            grid.values[cell] = key
        elif name == "sheetFormatPr":
            grid.height = _size(values.get("defaultRowHeight"), _HEIGHT)
            grid.width = _size(values.get("defaultColWidth"), _WIDTH)
        elif name == "col" and (first := _whole(values.get("min"))):
            width = 0.0 if values.get("hidden") == "1" else _size(values.get("width"), _WIDTH)
            grid.widths |= dict.fromkeys(range(first, min(_whole(values.get("max")), MAX_COLUMN) + 1), width)
        elif name == "drawing":
            grid.drawings.append(values.get(f"{RELATION} id", ""))

    if sheet:
        parts.walk(sheet, on_start)
    return grid


def _pasted(parts: Parts, drawing: str, grid: _Grid, found: dict[Cell, list[Placed]], findings: Findings) -> None:
    relations = parts.relations(drawing)
    anchors = [a for a in _anchors(parts, drawing) if a.pictures]
    last = int(max((max(a.numbers.get("from.row", 0), a.numbers.get("to.row", 0)) for a in anchors), default=0)) + 200
    rows = grid.edges(min(last, MAX_ROW), rows=True)
    columns = grid.edges(1024, rows=False)
    for anchor in anchors[:MAX_PICTURES]:
        top, bottom = _span(anchor, "row", "rowOff", "cy", "y", rows)
        left, right = _span(anchor, "col", "colOff", "cx", "x", columns)
        row, share = _most(top, bottom, rows)
        column, _ = _most(left, right, columns)
        for place in anchor.pictures:
            part = relations.get(place, Relation("", "")).target
            if part and share >= SHARE:
                found[(row, column)].append(Placed(part, (top, left)))
                continue
            why = "lies over several rows" if part else "is only linked to, and not in the file"
            message = f"the picture `{PurePosixPath(part).name}` at {name_of((row, column))} {why}; it is not read"
            findings.warning("W763", message, parts.shown, row, help=_HELP)


def _anchors(parts: Parts, drawing: str) -> list[_Anchor]:
    anchors: list[_Anchor] = []

    def on_start(path: tuple[str, ...], values: Mapping[str, str]) -> None:
        if len(path) == 2 and path[-1].endswith("Anchor"):
            anchors.append(_Anchor())
        elif len(path) == 3 and path[-1] in ("ext", "pos"):
            anchors[-1].numbers |= {f"{path[-1]}.{name}": _size(value, 0.0) for name, value in values.items()}
        elif path[-1] == "blip" and anchors and values:
            anchors[-1].pictures.append(values.get(f"{RELATION} embed", ""))

    def on_text(path: tuple[str, ...], text: str) -> None:
        if len(path) == 4 and path[-2] in ("from", "to"):
            anchors[-1].numbers[f"{path[-2]}.{path[-1]}"] = min(_size(text, 0.0), 1e12)

    parts.walk(drawing, on_start, on_text)
    return anchors


def _span(
    anchor: _Anchor, index: str, offset: str, size: str, position: str, edges: list[float]
) -> tuple[float, float]:
    """Where a picture begins and ends on one axis, in EMU. Offsets never leave their cell."""

    def at(end: str) -> float:
        cell = min(int(anchor.numbers.get(f"{end}.{index}", 0)), len(edges) - 2)
        return min(edges[cell] + anchor.numbers.get(f"{end}.{offset}", 0.0), edges[cell + 1])

    begins = at("from") if f"from.{index}" in anchor.numbers else anchor.numbers.get(f"pos.{position}", 0.0)
    if f"to.{index}" in anchor.numbers:
        return begins, max(begins, at("to"))
    return begins, begins + anchor.numbers.get(f"ext.{size}", 0.0)


def _most(begins: float, ends: float, edges: list[float]) -> tuple[int, float]:
    """The row (column), from 1, in which most of a span lies, and how much of it."""
    first = min(max(bisect_right(edges, begins) - 1, 0), len(edges) - 2)
    last = max(min(bisect_left(edges, ends), len(edges) - 1), first + 1)
    shares = [min(ends, edges[i + 1]) - max(begins, edges[i]) for i in range(first, last)]
    most = max(range(len(shares)), key=shares.__getitem__)
    return first + most + 1, shares[most] / (ends - begins) if ends > begins else 1.0


def _whole(text: str | None) -> int:
    """A count or place, 0 where it is none."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text) else 0


def _size(text: str | None, default: float) -> float:
    """A size that is finite and not negative."""
    return float(text) if text and re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,20})?", text) else default


def _cell(text: str) -> Cell | None:
    """`B5` → (5, 2)."""
    match = re.fullmatch(r"([A-Z]{1,3})([0-9]{1,7})", text)
    if match is None:
        return None
    column = 0
    for letter in match[1]:
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(match[2]), column
