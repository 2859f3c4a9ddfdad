"""An older spec's text → today's, comments kept: names are replaced where they stand, nothing else is touched."""

from __future__ import annotations

from dataclasses import dataclass

from runner.errors import Diagnostic, InvalidError
from runner.spec.schema import API_VERSION, DOCUMENT
from runner.spec.source import Source, Span, Tree, at_value
from runner.spec.suggest import FOREIGN
from runner.spec.validator import keys_at
from runner.spec.yaml_text import parse


@dataclass(frozen=True)
class Migrated:
    """The new text, and what was changed, in words."""

    text: str
    changes: tuple[str, ...]


# version → version it becomes. lorarun/v0 is the draft language, which took other tools' names for its keys.
FOLLOWS = {"lorarun/v0": "lorarun/v1"}


def migrate(path: str, text: str) -> Migrated:
    """The spec in today's language.

    Raises:
        InvalidError: the text cannot be read, or its language is newer or not known.
    """
    source = Source.of(path, text)
    parsed = parse(source)
    if parsed.tree is None or not isinstance(parsed.tree.data, dict):
        raise InvalidError.of(parsed.diagnostics)
    version = parsed.tree.data.get("apiVersion")
    if version == API_VERSION:
        return Migrated(text, ())
    if not isinstance(version, str) or version not in FOLLOWS:
        raise InvalidError.of([_unknown(parsed.tree, version)])
    origin = parsed.tree.origins[("apiVersion",)]
    edits = [(origin.value, FOLLOWS[version], f"`apiVersion` {version} → {FOLLOWS[version]}")]
    edits += _renames(parsed.tree)
    return Migrated(_edited(source, edits), tuple(words for _, _, words in sorted(edits, key=lambda e: _at(e[0]))))


def _unknown(tree: Tree, version: object) -> Diagnostic:
    known = ", ".join(f"`{name}`" for name in (*FOLLOWS, API_VERSION))
    help = f"this lorarun reads {known}"
    text = str(version)
    if text.startswith("lorarun/v") and text[9:].isdecimal():
        return at_value(tree.nearest(("apiVersion",)), "E109", f"`{text}` needs a newer lorarun", help=help)
    return at_value(tree.nearest(("apiVersion",)), "E109", f"`apiVersion` `{text[:60]}` is not known", help=help)


def _renames(tree: Tree) -> list[tuple[Span, str, str]]:
    """Keys of other tools whose value means the same under our name, in the section where ours belongs."""
    found = []
    for place, origin in tree.origins.items():
        if not place or not isinstance(place[-1], str):
            continue
        ours, remark = FOREIGN.get(place[-1], ("", ""))
        name = ours.rpartition(".")[2]
        known = keys_at(DOCUMENT, place[:-1])
        if not remark and name in known and place[-1] not in known and (*place[:-1], name) not in tree.origins:
            found.append((origin.key, name, f"`{place[-1]}` → `{name}` on line {origin.key.line + 1}"))
    return found


def _at(span: Span) -> tuple[int, int]:
    return span.line, span.column


def _edited(source: Source, edits: list[tuple[Span, str, str]]) -> str:
    lines = source.text.split("\n")
    for span, new, _ in sorted(edits, key=lambda e: _at(e[0]), reverse=True):
        line = lines[span.line]
        lines[span.line] = line[: span.column] + new + line[span.end_column :]
    return "\n".join(lines)
