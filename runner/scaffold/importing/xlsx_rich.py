"""Pictures that were placed in cells: a cell's `vm` names value metadata, that a rich value, that a picture's part.

[MS-XLSX] 2.6: a rich value of the structure `_localImage` holds the place of its picture in `richValueRel.xml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from runner.scaffold.importing.xlsx_parts import RELATION, Parts

_FOLDER = "xl/richData/"
_T = TypeVar("_T")


@dataclass
class _Rich:
    """The lists of a workbook, each read from its own part and naming places in the next."""

    blocks: list[str] = field(default_factory=list)  # by `vm` - 1 → place among `values`
    values: list[str] = field(default_factory=list)  # → place among `rich`
    rich: list[list[str]] = field(default_factory=list)  # structure, then the value's fields
    kinds: list[str] = field(default_factory=list)  # of structures
    ids: list[str] = field(default_factory=list)  # of relations

    def on_start(self, path: tuple[str, ...], found: Mapping[str, str]) -> None:
        """Take in an element of any of the parts; their names differ."""
        name = path[-1]
        if name == "rvb":
            self.values.append(found.get("i", ""))
        elif name == "rc" and "valueMetadata" in path:
            self.blocks.append(found.get("v", ""))
        elif name == "s":
            self.kinds.append(found.get("t", ""))
        elif name == "rv":
            self.rich.append([found.get("s", "")])
        elif name == "rel":
            self.ids.append(found.get(f"{RELATION} id", ""))

    def on_text(self, path: tuple[str, ...], text: str) -> None:
        """Take in a field of a rich value."""
        if path[-2:] == ("rv", "v"):
            self.rich[-1].append(text)


def pictures_in_cells(parts: Parts) -> dict[int, str]:
    """`vm` of a cell → the part that holds its picture.

    Raises:
        InvalidError: one of the parts is broken.
    """
    lists = _Rich()
    parts.walk("xl/metadata.xml", lists.on_start)
    for name in ("rdrichvaluestructure.xml", "rdrichvalue.xml", "richValueRel.xml"):
        parts.walk(_FOLDER + name, lists.on_start, lists.on_text)
    relations = parts.relations(f"{_FOLDER}richValueRel.xml")
    found = {}
    for key, block in enumerate(lists.blocks, 1):
        value = _at(lists.rich, _at(lists.values, block, ""), [])
        place = (
            _at(lists.ids, value[1], "") if len(value) > 1 and _at(lists.kinds, value[0], "") == "_localImage" else ""
        )
        if place in relations and relations[place].target:
            found[key] = relations[place].target
    return found


def _at(values: Sequence[_T], place: str, default: _T) -> _T:
    return values[int(place)] if re.fullmatch(r"[0-9]{1,9}", place) and int(place) < len(values) else default
