"""One form for specs: two spaces for each level, sections in the schema's order, comments kept. Values never change.

It moves lines and trims spaces, and does not write YAML anew; whatever it makes is read again and compared.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from runner.errors import InvalidError
from runner.spec.schema import DOCUMENT
from runner.spec.source import Source
from runner.spec.yaml_text import Node, compose, parse

STEP = 2
_DASH = re.compile(r"^( *)-( +)")


def format_text(path: str, text: str) -> str:
    """The spec's text in the one form.

    Raises:
        InvalidError: the text is no spec that can be read, with the findings.
    """
    plain = unicodedata.normalize("NFC", text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
    source = Source.of(path, plain)
    before = parse(source)
    if before.tree is None or before.diagnostics:
        raise InvalidError.of(before.diagnostics)
    made = _ordered(_indented(source))
    after = parse(Source.of(path, made))
    if after.tree is None or after.diagnostics or after.tree.data != before.tree.data:
        raise InvalidError(f"`{path}` has a form that cannot be rewritten safely", help="it is left as it is")
    return made


@dataclass
class _Layout:
    """What is known of lines: the column that their first token belongs to, and which are inside of a value."""

    lines: tuple[str, ...]
    columns: dict[int, int] = field(default_factory=dict)
    inside: set[int] = field(default_factory=set)  # lines that continue a text; their spaces may count
    seen: set[int] = field(default_factory=set)


def _indented(source: Source) -> str:
    root = compose(source)
    layout = _Layout(source.lines)
    if root is not None:
        _walk(layout, root, 0)
    made: list[str] = []
    shift = 0
    for i, line in enumerate(layout.lines):
        if i in layout.inside:
            made.append(_shifted(line, shift))
        elif i in layout.columns:
            shift = layout.columns[i] - _indent(line)
            made.append(_DASH.sub(r"\1- ", " " * layout.columns[i] + line.lstrip(" ")).rstrip())
        elif line.strip().startswith("#"):
            made.append(" " * _next_column(layout, i) + line.strip())
        else:
            made.append(_shifted(line, shift).rstrip())
    return "\n".join(_squeezed(made, layout.inside)) + "\n"


def _walk(layout: _Layout, node: Node, column: int) -> None:
    if id(node) in layout.seen:
        return
    layout.seen.add(id(node))
    if node.kind == "scalar":
        last = node.span.end_line - (node.span.end_column == 0)
        layout.inside.update(range(node.span.line + 1, last + 1))
    for key, value in node.children:
        if node.flow:
            _walk(layout, key, column)
            _walk(layout, value, column)
        elif node.kind == "map":
            if _indent(layout.lines[key.span.line]) == key.span.column:
                layout.columns[key.span.line] = column
            _walk(layout, key, column)
            if value.span.line > key.span.line and _indent(layout.lines[value.span.line]) == value.span.column:
                layout.columns.setdefault(value.span.line, column + STEP)
            _walk(layout, value, column + STEP)
        else:
            line = value.span.line
            while line > 0 and not layout.lines[line].lstrip(" ").startswith("-"):
                line -= 1
            layout.columns.setdefault(line, column)
            _walk(layout, value, column + STEP)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _shifted(line: str, shift: int) -> str:
    if not line.strip():
        return line
    return " " * max(0, _indent(line) + shift) + line.lstrip(" ")


def _next_column(layout: _Layout, line: int) -> int:
    """Where a comment stands: above what it is about, or below the last."""
    following = [i for i in layout.columns if i > line]
    if following and not _flow_around(layout, line, min(following)):
        return layout.columns[min(following)]
    return _indent(layout.lines[line])


def _flow_around(layout: _Layout, line: int, following: int) -> bool:
    """Whether text that belongs to an earlier value stands between the comment and the next key."""
    between = layout.lines[line + 1 : following]
    return any(text.strip() and not text.strip().startswith("#") for text in between)


def _squeezed(lines: list[str], inside: set[int]) -> list[str]:
    """At most one blank line between things, none at the ends."""
    made: list[str] = []
    for i, line in enumerate(lines):
        if line.strip() or i in inside:
            made.append(line)
        elif made and made[-1].strip():
            made.append("")
    while made and not made[-1].strip():
        made.pop()
    return made


def _ordered(text: str) -> str:
    """Top-level sections in the schema's order, each with the comments right above it; the file's head stays."""
    lines = text.rstrip("\n").split("\n")
    root = compose(Source.of("", text))
    if root is None or root.kind != "map" or root.flow:
        return text
    starts = [_with_comments(lines, key.span.line) for key, _ in root.children]
    head = lines[: starts[0]]
    blocks = {
        str(key.value): lines[start:end]
        for (key, _), start, end in zip(root.children, starts, [*starts[1:], len(lines)], strict=True)
    }
    order = {key: i for i, key in enumerate((*list(DOCUMENT)[:3], "include", "vars", *list(DOCUMENT)[3:]))}
    names = sorted(blocks, key=lambda name: order.get(name, len(order)))
    if names == list(blocks):
        return text
    made = list(head)
    for name in names:
        block = blocks[name]
        while block and not block[-1].strip():
            block = block[:-1]
        if made and made[-1].strip() and len(block) > 1:
            made.append("")
        made += block
    return "\n".join(made) + "\n"


def _with_comments(lines: list[str], start: int) -> int:
    while start > 0 and lines[start - 1].startswith("#"):
        start -= 1
    return start
