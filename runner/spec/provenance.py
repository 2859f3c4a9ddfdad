"""The resolved document with where each value came from: what `plan --show-resolved` prints. It is YAML again."""

from __future__ import annotations

import json
from typing import Any

from runner.spec.model import Key, Spec

_PLAIN_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_가나다라마바사아자차카타파하")


def resolved_text(spec: Spec) -> str:
    """The whole document, one value a line, each with a comment: `specs/x.yaml:12`, `--set`, or `default`."""
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
    return "--set" if found.path == "--set" else f"{found.path}:{found.line}"


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
