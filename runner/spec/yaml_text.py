"""YAML text → `Tree`: own value table, positions of everything, work bounded by limits, no tags and no merge keys.

Values are YAML 1.2 core: `true`/`false`, `null`, decimal integers, floats (`2e-5` too), texts. A plain value that
YAML 1.1 reads otherwise (`no`, `012`, `12:30`, `2024-01-01`) is refused, so that no reader is surprised.
It knows nothing of what the document means.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from runner.errors import Diagnostic
from runner.spec.model import Key
from runner.spec.source import START, Origin, Source, Span, Tree, at_span
from runner.spec.yaml_words import plainly, syntax_error

MAX_BYTES = 2**20
MAX_DEPTH = 64
MAX_NODES = 50_000
MAX_NUMBER = 2**53  # the largest integer that canonical JSON holds exactly

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|(?=[0-9]+[eE])[0-9]+)(?:[eE][-+]?[0-9]+)?")
_TRAPS = (
    (re.compile(r"(?i:y|n|yes|no|on|off)"), "is a boolean in YAML 1.1 and a text in YAML 1.2"),
    (re.compile(r"[-+]?0[0-9_]+"), "is an octal number in YAML 1.1"),
    (re.compile(r"[-+]?0[xob][0-9a-fA-F_]+"), "is a number in some versions of YAML only"),
    (re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?"), "is a base-60 number in YAML 1.1"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"), "is a date in YAML 1.1"),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)"), "is not a finite number"),
    (re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"), "is a number with separators in YAML 1.1"),
    (re.compile(r"="), "has a meaning of its own in YAML 1.1"),
)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7})(?: .*)?$", re.M)


@dataclass
class Parsed:
    """What came of a text: the tree (None where the text could not be read to its end) and all findings."""

    tree: Tree | None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    damaged: frozenset[Key] = frozenset()  # sections that lost a key to an error


@dataclass(slots=True)
class Node:
    """A value of the text with its place. A list's children are (item, item), a mapping's (key, value)."""

    kind: str  # scalar | list | map
    span: Span
    value: Any = None
    tag: str = ""
    plain: bool = False
    flow: bool = False  # written in brackets or braces
    weight: int = 1  # nodes, aliases expanded
    children: list[Any] = field(default_factory=list)


class _StopError(Exception):
    """The text cannot be read further."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def parse(source: Source) -> Parsed:
    """Read one YAML document. Never raises for any text; its work is bounded by the limits above."""
    try:
        _check_text(source)
        root = _Composer(source).compose()
    except _StopError as stop:
        return Parsed(None, [stop.diagnostic])
    builder = _Builder(source)
    data = builder.build(root, START, ())
    return Parsed(Tree(data, builder.origins), builder.diagnostics, frozenset(builder.damaged))


def compose(source: Source) -> Node | None:
    """The text's nodes, None where it cannot be read."""
    try:
        _check_text(source)
        return _Composer(source).compose()
    except _StopError:
        return None


def _check_text(source: Source) -> None:
    if len(source.text) > MAX_BYTES or len(source.text.encode(errors="replace")) > MAX_BYTES:
        raise _StopError(at_span(source, START, "E001", f"the text is larger than {MAX_BYTES:,} bytes"))
    found = _FORBIDDEN.search(source.text)
    if found:
        message = f"the character U+{ord(found[0]):04X} is not allowed here"
        raise _StopError(at_span(source, _span_at(source, found.start(), 1), "E015", message, help="remove it"))
    conflict = conflict_in(source, help="choose one side and delete the lines with <<<<<<<, ======= and >>>>>>>")
    if conflict:
        raise _StopError(conflict)


def conflict_in(source: Source, *, help: str) -> Diagnostic | None:
    """The first mark of git in a text where a merge conflict was left; None where there is none."""
    found = _CONFLICT.search(source.text)
    if not found or found[1][0] == "=":
        return None
    return at_span(source, _span_at(source, found.start(), 7), "E002", "a merge conflict is not resolved", help=help)


def _span_at(source: Source, index: int, width: int) -> Span:
    before = Source.of("", source.text[:index]).lines
    line, column = len(before) - 1, len(before[-1])
    return Span(line, column, line, column + width)


def _span(event: Event) -> Span:
    start, end = event.start_mark, event.end_mark
    if start is None or end is None:  # typed so; PyYAML's parsers always set them
        return START
    return Span(start.line, start.column, end.line, end.column)


def events(text: str) -> Iterator[Event]:
    """The text's YAML events, from libyaml where PyYAML was built with it (about 8 times faster)."""
    if yaml.__with_libyaml__:
        return yaml.parse(text, Loader=yaml.CSafeLoader)
    return yaml.parse(text, Loader=yaml.SafeLoader)


class _Composer:
    """Events → nodes, with the limits held while reading. Tags are kept, and resolved by nobody but us."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.anchors: dict[str, Node | None] = {}  # None while the node is still open
        self.count = 0

    def compose(self) -> Node:
        try:
            return self._document(events(self.source.text))
        except yaml.MarkedYAMLError as error:
            raise _StopError(syntax_error(self.source, error)) from error
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            message = f"this is not YAML: {str(error).splitlines()[0][:120]}"
            raise _StopError(at_span(self.source, START, "E004", message)) from error

    def _document(self, stream: Iterator[Event]) -> Node:
        root: Node | None = None
        for event in stream:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    raise _StopError(
                        at_span(self.source, _span(event), "E014", "a spec is one document, here is another")
                    )
                root = self._node(next(stream), stream, 0)
        empty = root is None or (root.kind == "scalar" and root.plain and root.value == "")
        if root is None or empty:
            help = "`lorarun init` writes a first spec"
            raise _StopError(at_span(self.source, START, "E006", "the file is empty", help=help))
        return root

    def _node(self, event: Event, stream: Iterator[Event], depth: int) -> Node:
        self.count += 1
        if depth > MAX_DEPTH:
            raise _StopError(at_span(self.source, _span(event), "E003", f"nested more than {MAX_DEPTH} deep"))
        if self.count > MAX_NODES:
            raise _StopError(at_span(self.source, _span(event), "E003", f"more than {MAX_NODES:,} values"))
        if isinstance(event, AliasEvent):
            return self._alias(event)
        anchor = event.anchor if isinstance(event, NodeEvent) else None
        if anchor:
            self.anchors[anchor] = None
        if isinstance(event, ScalarEvent):
            plain = bool(event.implicit[0])
            tag = "" if plain or (event.implicit[1] and not event.tag) else event.tag or ""
            node = Node("scalar", _span(event), event.value, tag, plain and not event.style)
        else:
            node = self._collection(event, stream, depth)
        if anchor:
            self.anchors[anchor] = node
        return node

    def _alias(self, event: AliasEvent) -> Node:
        if event.anchor not in self.anchors:
            help = f"write `&{event.anchor}` before the value that is meant"
            raise _StopError(
                at_span(self.source, _span(event), "E004", f"the alias `*{event.anchor}` has no anchor", help=help)
            )
        node = self.anchors[event.anchor]
        if node is None:
            message = f"the alias `*{event.anchor}` stands inside the value that it names"
            raise _StopError(at_span(self.source, _span(event), "E005", message))
        return node

    def _collection(self, event: Event, stream: Iterator[Event], depth: int) -> Node:
        if not isinstance(event, MappingStartEvent | SequenceStartEvent):
            raise _StopError(at_span(self.source, _span(event), "E004", "a value is missing"))
        mapping = isinstance(event, MappingStartEvent)
        tag = "" if event.implicit else event.tag or ""
        node = Node("map" if mapping else "list", _span(event), tag=tag, flow=bool(event.flow_style))
        for child in stream:
            if isinstance(child, MappingEndEvent | SequenceEndEvent):
                end = _span(child)
                node.span = Span(node.span.line, node.span.column, end.end_line, end.end_column)
                return node
            key = self._node(child, stream, depth + 1)
            value = self._node(next(stream), stream, depth + 1) if mapping else key
            node.weight += value.weight + mapping
            if node.weight > MAX_NODES:
                message = f"aliases expand to more than {MAX_NODES:,} values"
                raise _StopError(at_span(self.source, _span(child), "E005", message))
            node.children.append((key, value))
        raise _StopError(at_span(self.source, node.span, "E004", "the text ends inside this value"))


class _Builder:
    """Nodes → plain data and origins."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.origins: dict[Key, Origin] = {}
        self.diagnostics: list[Diagnostic] = []
        self.damaged: set[Key] = set()

    def build(self, node: Node, key: Span, place: Key) -> Any:
        self.origins[place] = Origin(self.source, key, node.span, place)
        if node.tag:
            short = node.tag.replace("tag:yaml.org,2002:", "!!")
            self._error(
                node, "E007", f"the tag `{short[:60]}` is not allowed", help="remove it; specs hold plain values"
            )
            return None
        if node.kind == "map":
            return self._mapping(node, place)
        if node.kind == "list":
            return [self.build(value, value.span, (*place, i)) for i, (_, value) in enumerate(node.children)]
        return self._scalar(node)

    def _error(self, node: Node, code: str, message: str, *, help: str = "", note: str = "") -> None:
        self.diagnostics.append(at_span(self.source, node.span, code, message, help=help, note=note))

    def _mapping(self, node: Node, place: Key) -> dict[str, Any]:
        made: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.children:
            name = self._key(key)
            if name is None:
                self.damaged.add(place)
                continue
            if name in made:
                note = f"it was first set on line {lines[name]}"
                self._error(key, "E010", f"the key `{name}` is there twice", note=note, help="delete one of them")
                continue
            lines[name] = key.span.line + 1
            made[name] = self.build(value, key.span, (*place, name))
        return made

    def _key(self, node: Node) -> str | None:
        if node.kind != "scalar" or node.tag:
            self._error(node, "E008", "a key is a text", help="write one name before the colon")
            return None
        if node.plain and node.value == "<<":
            self._error(
                node, "E009", "merge keys (`<<`) are not known here", help="use `defaults:` for what several share"
            )
            return None
        before = len(self.diagnostics)
        name = self._scalar(node)
        if len(self.diagnostics) > before:
            return None
        if not isinstance(name, str):
            self._error(node, "E008", f"the key `{node.value}` is not a text", help=f'write "{node.value}"')
            return None
        return name

    def _scalar(self, node: Node) -> Any:
        text = node.value
        if not node.plain:
            return self._text(node, text)
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.fullmatch(text):
            if len(text) > 17 or abs(int(text)) > MAX_NUMBER:
                self._error(node, "E011", f"the number is larger than {MAX_NUMBER:,}")
                return None
            return int(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if not math.isfinite(number):
                self._error(node, "E011", "the number is too large")
                return None
            return number
        for pattern, why in _TRAPS:
            if pattern.fullmatch(text):
                self._error(node, "E012", f"`{text[:60]}` {why}", help=plainly(text[:60]))
                return None
        return self._text(node, text)

    def _text(self, node: Node, text: str) -> str | None:
        found = _FORBIDDEN.search(text)
        if found:
            self._error(node, "E015", f"the text holds the character U+{ord(found[0]):04X}", help="remove it")
            return None
        return unicodedata.normalize("NFC", text)
