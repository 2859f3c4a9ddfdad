"""Words about YAML that cannot be read: what is wrong in the text, and how it was most likely meant."""

from __future__ import annotations

import re

import yaml

from runner.errors import Diagnostic
from runner.spec.source import START, Source, Span, at_span

_WIDE = {"\uff1a": ("colon", ": "), "\u3000": ("space", " ")}  # as Korean and Japanese keyboards type them


def syntax_error(source: Source, error: yaml.MarkedYAMLError) -> Diagnostic:
    """What the parser could not read, where, and what is most often behind it."""
    wide = _full_width(source, error.context_mark) if "simple key" in str(error.context) else None
    if wide:
        return wide
    mark = error.problem_mark or error.context_mark
    message = str(error.problem or error.context or "this is not YAML")
    span = START if mark is None else Span(mark.line, mark.column, mark.line, mark.column + 1)
    line = source.lines[span.line] if span.line < len(source.lines) else ""
    help = ""
    if "\t" in line[: span.column + 1]:
        help = "YAML is indented with spaces, not with tabs"
    elif "mapping values are not allowed" in message:
        help = "quote texts that contain `: `"
    elif "${" in line and "{" in line.split("${")[0]:
        help = "inside braces a variable is quoted: '${vars.x}'"
    elif "`" in message or "@" in message or "cannot start any token" in message:
        help = "quote texts that begin with a special character"
    note = f"{error.context}" if error.context and error.problem else ""
    if note and error.context_mark and error.context_mark.line != span.line:
        note += f", which begins on line {error.context_mark.line + 1}"
        if "flow" in note:
            help = help or f"a bracket that is opened on line {error.context_mark.line + 1} is not closed"
    help = help or _open_or_colon(source, span)
    return at_span(source, span, "E004", f"this is not YAML: {message}", help=help, note=note)


def _full_width(source: Source, began: yaml.Mark | None) -> Diagnostic | None:
    """A full-width colon or space where a key began that never ended: YAML finds that out on the next line only."""
    line = source.lines[began.line] if began and began.line < len(source.lines) else ""
    column = next((i for i, character in enumerate(line) if character in _WIDE), None)
    if began is None or column is None or ": " in line or line.rstrip().endswith(":"):
        return None
    name, plain = _WIDE[line[column]]
    span = Span(began.line, column, began.line, column + 1)
    help = f"write `{plain}`" if plain.strip() else "write an ordinary space"
    return at_span(source, span, "E004", f"this is not YAML: a full-width {name} is a letter to it", help=help)


def _open_or_colon(source: Source, span: Span) -> str:
    """What is most often behind a syntax error at this place: a `: ` in a text, or a quotation mark left open."""
    line = source.lines[span.line] if span.line < len(source.lines) else ""
    if line[span.column : span.column + 2] == ": ":
        return "quote texts that contain `: `"
    for i in range(span.line, max(-1, span.line - 20), -1):
        for mark in "\"'":
            if i < len(source.lines) and source.lines[i].count(mark) % 2 and (mark == '"' or i != span.line):
                return f"a quotation mark ({mark}) on line {i + 1} is not closed"
    return ""


def plainly(text: str) -> str:
    """How to write what a plain value that YAML versions read differently may have meant."""
    help = f'write "{text}" for a text'
    if text.lower() in ("y", "yes", "on", "n", "no", "off"):
        return f"{help}, {'true' if text.lower() in ('y', 'yes', 'on') else 'false'} for a truth value"
    if ":" in text and "-" not in text:
        return f"{help}; a duration is written `90s`, `30min` or `8h`"
    number = text.replace("_", "").lstrip("+").lstrip("0")
    if number.isdecimal():
        return f"{help}, {number} for a number"
    if text.isascii() and re.fullmatch(r"0x[0-9a-f]{1,12}", text, re.I):
        return f"{help}, {int(text, 16)} for a number"
    return help
