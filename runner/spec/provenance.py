"""The resolved document with where each value came from: what `plan --show-resolved` prints. It is YAML again."""

from __future__ import annotations

import json
import re
from typing import Any

from runner.spec.model import Key, Position, Spec

_VARIABLE = re.compile(r"\$\{vars\.([^{}\s]{1,100})\}")
_PLAIN_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_가나다라마바사아자차카타파하")


def resolved_text(spec: Spec) -> str:
    """The whole document, one value a line, each with a comment: `specs/x.yaml:12`, `--set`, or `default`,
    and the variable that stands there."""
    return "\n".join(_section(spec, (), spec.document, 0)) + "\n"


def _section(spec: Spec, place: Key, section: dict[str, Any], depth: int) -> list[str]:
    lines = []
    for key, value in section.items():
        at = (*place, key)
        lead = "  " * depth + f"{_scalar(key)}:"
        if isinstance(value, dict) and value:
            lines += [lead, *_section(spec, at, value, depth + 1)]
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            lines += [lead, *_list(spec, at, value, depth + 1)]
        else:
            lines.append(f"{lead} {_value(value)}  # {_origin(spec, at)}")
    return lines


def _list(spec: Spec, place: Key, listed: list[Any], depth: int) -> list[str]:
    lines = []
    for i, item in enumerate(listed):
        if isinstance(item, dict) and item:
            inner = _section(spec, (*place, i), item, depth + 1)
            inner[0] = "  " * depth + "- " + inner[0].lstrip(" ")
            lines += inner
        else:
            lines.append("  " * depth + f"- {_value(item)}  # {_origin(spec, (*place, i))}")
    return lines


def _origin(spec: Spec, place: Key) -> str:
    found = spec.positions.get(place)
    if found is None:
        return "default"
    variable = _variable(spec, found)
    return f"{_place(found)}, {variable}" if variable else _place(found)


def _place(found: Position) -> str:
    return "--set" if found.path == "--set" else f"{found.path}:{found.line}"


def _variable(spec: Spec, found: Position) -> str:
    """`vars.x of specs/x.yaml:3` where a variable stands at this place."""
    lines = spec.texts.get(found.path, ())
    line = lines[found.line - 1] if found.line <= len(lines) else ""
    named = _VARIABLE.search(line[found.column - 1 : found.column - 1 + found.width])
    origin = spec.positions.get(("vars", named[1])) if named else None
    return f"vars.{named[1]} of {_place(origin)}" if named and origin else ""


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = value.replace("-", "").replace("_", "").replace(".", "").replace("/", "")
        easy = plain.isalnum() and value[0] in _PLAIN_START and value.lower() not in _WORDS
        return value if easy else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
