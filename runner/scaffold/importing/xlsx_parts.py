"""Parts of a workbook as streams of XML events. A workbook is anybody's file: no entity, no part over its bound."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.parsers import expat

from runner.errors import InvalidError

MAX_XML_BYTES = 512 * 2**20
MAX_DEPTH = 64
_BLOCK = 2**20
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

OnStart = Callable[[tuple[str, ...], Mapping[str, str]], None]  # names from the root down, attributes
OnText = Callable[[tuple[str, ...], str], None]  # names, the text of an element that has ended


@dataclass(frozen=True)
class Relation:
    """One target of a part: `kind` is the last word of its type."""

    kind: str
    target: str  # a part's name in the workbook; "" for what lies outside


class Parts:
    """The parts of an open workbook. What is missing is empty; what is broken is refused."""

    def __init__(self, book: zipfile.ZipFile, shown: str) -> None:
        self._book, self.shown = book, shown
        self._names = set(book.namelist())

    def read(self, name: str, *, max_bytes: int) -> bytes:
        """A part's bytes.

        Raises:
            InvalidError: it is not there, too large or broken.
        """
        try:
            with self._book.open(name) as part:
                data = part.read(max_bytes + 1)
        except (KeyError, zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._broken(name, error) from error
        if len(data) > max_bytes:
            raise InvalidError(f"`{self.shown}`: `{name[:100]}` is larger than {max_bytes:,} bytes")
        return data

    def walk(self, name: str, on_start: OnStart | None = None, on_text: OnText | None = None) -> None:
        """Pass over a part's elements, by their names without namespaces; nothing happens where it is not there.

        Raises:
            InvalidError: it is no XML, declares entities, is nested too deeply or too large.
        """
        if name not in self._names:
            return
        parser = _parser(on_start, on_text)
        left = MAX_XML_BYTES
        try:
            with self._book.open(name) as part:
                while block := part.read(_BLOCK):
                    left -= len(block)
                    if left < 0:
                        raise ValueError(f"larger than {MAX_XML_BYTES:,} bytes")
                    parser.Parse(block)
                parser.Parse(b"", True)
        except (expat.ExpatError, ValueError, KeyError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._broken(name, error) from error
        except zipfile.BadZipFile as error:
            raise self._broken(name, error) from error

    def relations(self, name: str) -> dict[str, Relation]:
        """What a part refers to, by the ids that it uses."""
        folder, _, file = name.rpartition("/")
        found: dict[str, Relation] = {}

        def on_start(path: tuple[str, ...], values: Mapping[str, str]) -> None:
            if path[-1] == "Relationship" and "Id" in values:
                target = values.get("Target", "")
                inside = posixpath.normpath(posixpath.join("/" + folder, target)).lstrip("/")
                kind = values.get("Type", "").rpartition("/")[2]
                outside = values.get("TargetMode") == "External" or inside not in self._names
                found[values["Id"]] = Relation(kind, "" if outside else inside)

        self.walk(f"{folder}/_rels/{file}.rels".lstrip("/"), on_start)
        return found

    def _broken(self, name: str, error: Exception) -> InvalidError:
        return InvalidError(f"`{self.shown}` is a broken spreadsheet: `{name[:100]}`: {str(error)[:200]}")


def _parser(on_start: OnStart | None, on_text: OnText | None) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    path: list[str] = []
    texts: list[list[str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(path) >= MAX_DEPTH:
            raise ValueError("nested too deeply")
        path.append(name.rpartition(" ")[2])
        texts.append([])
        if on_start:
            on_start(tuple(path), attributes)

    def end(_: str) -> None:
        text = "".join(texts.pop())
        if on_text:
            on_text(tuple(path), text)
        path.pop()

    def data(text: str) -> None:
        if texts:
            texts[-1].append(text)

    def entity(*_: object) -> None:
        raise ValueError("it declares entities")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = data
    parser.EntityDeclHandler = entity
    return parser
