"""Diagnostics as people and machines read them: like a compiler's, as JSON, GitHub annotations and SARIF 2.1.0."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from runner.canonical import readable_json
from runner.errors import Diagnostic
from runner.spec.explain import markdown

FORMATS = ("text", "json", "github", "sarif")
JSON_VERSION = "lorarun/diagnostics/v1"
_MAX_LINE = 160  # characters of a source line that are shown


def ordered(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """By file, line, column and code; what is said twice about one place is said once."""
    unique = {(d.path, d.line, d.column, d.code, d.message): d for d in diagnostics}
    return tuple(unique[key] for key in sorted(unique))


def width(text: str) -> int:
    """Columns that `text` takes on a terminal: 2 for wide East Asian characters, 0 for what joins the one before."""
    return sum(0 if _joins(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _joins(character: str) -> bool:
    """Combining marks, invisible characters, and the vowels and finals of decomposed Hangul."""
    hangul = "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff"
    return hangul or unicodedata.combining(character) > 0 or unicodedata.category(character) in ("Cf", "Mn", "Me")


def _visible(text: str) -> str:
    """`text` without anything that moves the cursor: control characters and bidirectional marks are replaced."""
    return "".join(c if c.isprintable() or c == " " else " " if c == "\t" else "·" for c in text)


def pretty(diagnostic: Diagnostic) -> str:
    """The diagnostic with its source line and a caret under what is meant."""
    lines = [
        f"{_visible(diagnostic.location)}: {diagnostic.severity}[{diagnostic.code}]: {_visible(diagnostic.message)}"
    ]
    gutter = ""
    if diagnostic.line and diagnostic.source.strip():
        text, start = diagnostic.source, max(0, diagnostic.column - 1)
        if len(text) > _MAX_LINE:
            cut = max(0, start - 60)
            text = ("…" if cut else "") + text[cut : cut + _MAX_LINE] + "…"
            start = start - cut + (1 if cut else 0)
        text = _visible(text)
        gutter = " " * len(str(diagnostic.line))
        carets = "^" * max(1, width(text[start : start + diagnostic.width]))
        lines += [
            f" {gutter} |",
            f" {diagnostic.line} | {text}".rstrip(),
            f" {gutter} | {' ' * width(text[:start])}{carets}",
        ]
    lines += [f" {gutter} = note: {_visible(diagnostic.note)}"] if diagnostic.note else []
    lines += [f" {gutter} = help: {_visible(diagnostic.help)}"] if diagnostic.help else []
    return "\n".join(lines)


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    errors = sum(d.severity == "error" for d in diagnostics)
    warnings = len(diagnostics) - errors
    parts = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return ", ".join(parts) or "no findings"


def render(diagnostics: Iterable[Diagnostic], format: str) -> str:
    """All diagnostics in one of `FORMATS`, without a newline at the end.

    Raises:
        ValueError: no such format.
    """
    found = ordered(diagnostics)
    if format == "text":
        return "\n\n".join(pretty(d) for d in found)
    if format == "json":
        body = {"version": JSON_VERSION, "diagnostics": [_plain(d) for d in found]}
        return readable_json(body, indent=1)
    if format == "github":
        return "\n".join(_annotation(d) for d in found)
    if format == "sarif":
        return readable_json(_sarif(found), indent=1)
    raise ValueError(format)


def _plain(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "path": diagnostic.path,
        "line": diagnostic.line or None,
        "column": diagnostic.column or None,
        "width": diagnostic.width,
        "help": diagnostic.help,
        "note": diagnostic.note,
    }


def _annotation(diagnostic: Diagnostic) -> str:
    """One workflow command; data and properties escaped as GitHub's runner unescapes them."""

    def data(text: str) -> str:
        return "%0A".join(_visible(line) for line in text.replace("%", "%25").splitlines())

    def value(text: str) -> str:
        return data(text).replace(":", "%3A").replace(",", "%2C")

    parts = [f"file={value(diagnostic.path)}"]
    if diagnostic.line:
        end = diagnostic.column + diagnostic.width - 1
        parts += [f"line={diagnostic.line}", f"col={diagnostic.column}", f"endColumn={end}"]
    parts.append(f"title={value(f'lorarun {diagnostic.code}')}")
    message = diagnostic.message + (f"\nnote: {diagnostic.note}" if diagnostic.note else "")
    message += f"\nhelp: {diagnostic.help}" if diagnostic.help else ""
    return f"::{'warning' if diagnostic.severity == 'warning' else 'error'} {','.join(parts)}::{data(message)}"


def _sarif(diagnostics: Sequence[Diagnostic]) -> dict[str, Any]:
    rules = sorted({d.code for d in diagnostics})
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "lorarun", "rules": [_rule(code) for code in rules]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(d, rules.index(d.code)) for d in diagnostics],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    text = markdown(code)
    if text is None:
        return {"id": code}
    title = text.splitlines()[0].removeprefix(f"{code}: ")
    return {"id": code, "shortDescription": {"text": title}, "help": {"text": text, "markdown": text}}


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(diagnostic.path)}}
    if diagnostic.line:
        column = max(1, diagnostic.column)
        place["region"] = {
            "startLine": diagnostic.line,
            "startColumn": column,
            "endColumn": column + max(1, diagnostic.width),
        }
    text = "\n".join(t for t in (diagnostic.message, diagnostic.note, diagnostic.help) if t)
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": "warning" if diagnostic.severity == "warning" else "error",
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


def _uri(path: str) -> str:
    return quote(path)
