"""Where values were written: `Source` (one text), `Origin` (one value's place), `Tree` (data with the place of all)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from runner.errors import Diagnostic
from runner.spec.model import Key, Position

# YAML's line breaks; str.splitlines knows more of them, so it would count other lines than the parser does.
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Span:
    """From one character to before another; lines and columns count from 0."""

    line: int
    column: int
    end_line: int
    end_column: int


START = Span(0, 0, 0, 0)


@dataclass(frozen=True)
class Source:
    """One text that values come from: the spec, an included file, or an argument of `--set`."""

    path: str
    text: str = field(repr=False)
    lines: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, path: str, text: str) -> Source:
        """A source with its lines split as YAML splits them."""
        plain = text.removeprefix("\ufeff")
        return cls(path, plain, tuple(_BREAK.split(plain)))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one value was written. `written` is its place in its own text, before it was merged elsewhere."""

    source: Source
    key: Span
    value: Span
    written: Key
    note: str = ""  # how it came here: a variable, an alias, a default

    @property
    def position(self) -> Position:
        """The value's place for people, counted from 1."""
        span = self.value
        end = span.end_column if span.end_line == span.line else span.column + 1
        return Position(self.source.path, span.line + 1, span.column + 1, max(1, end - span.column))


@dataclass
class Tree:
    """Plain data, and for each place in it where it was written. Built once, then only copied."""

    data: Any
    origins: dict[Key, Origin] = field(default_factory=dict)

    def nearest(self, key: Key) -> Origin:
        """The origin of `key`, or of the closest place that holds it."""
        while key and key not in self.origins:
            key = key[:-1]
        return self.origins[key]


def dotted(key: Key) -> str:
    """`tunes.qwen-lora.lora.rank`, `acceptance.targets[0].id`: a place as people write it."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def at_span(
    source: Source, span: Span, code: str, message: str, *, help: str = "", note: str = "", severity: str = "error"
) -> Diagnostic:
    """A diagnostic about the characters of `span`."""
    line = source.lines[span.line] if span.line < len(source.lines) else ""
    end = span.end_column if span.end_line == span.line else len(line)
    return Diagnostic(
        code,
        message,
        path=source.path,
        line=span.line + 1,
        column=span.column + 1,
        width=max(1, end - span.column),
        severity=severity,
        help=help,
        note=note,
        source=line,
    )


def at_value(
    origin: Origin, code: str, message: str, *, help: str = "", note: str = "", severity: str = "error"
) -> Diagnostic:
    """A diagnostic about a value."""
    both = "; ".join(text for text in (note, origin.note) if text)
    return at_span(origin.source, origin.value, code, message, help=help, note=both, severity=severity)


def at_key(
    origin: Origin, code: str, message: str, *, help: str = "", note: str = "", severity: str = "error"
) -> Diagnostic:
    """A diagnostic about the name before a value."""
    both = "; ".join(text for text in (note, origin.note) if text)
    return at_span(origin.source, origin.key, code, message, help=help, note=both, severity=severity)
