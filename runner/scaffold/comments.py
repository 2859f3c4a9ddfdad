"""Comments for a spec from the schema: what each key is, above the line where it is first written."""

from __future__ import annotations

from runner.spec.model import Key
from runner.spec.schema import DOCUMENT
from runner.spec.source import Source
from runner.spec.validator import rules_at
from runner.spec.yaml_text import parse


def commented(text: str) -> str:
    """The spec's text with a comment above every key that begins a line; entries of a kind are explained once.

    Raises:
        ValueError: the text is not YAML; templates are ours.
    """
    source = Source.of("template", text)
    tree = parse(source).tree
    if tree is None:
        raise ValueError("the template is not YAML")
    notes: dict[int, tuple[int, str]] = {}
    said: set[str] = set()
    for key, origin in tree.origins.items():
        rules = rules_at(DOCUMENT, key) if key else None
        doc = (rules or {}).get("meta", {}).get("doc", "")
        line, column = origin.key.line, origin.key.column
        begins = not source.lines[line][:column].strip(" -") if line < len(source.lines) else False
        if doc and begins and not isinstance(key[-1], int) and _kind(key) not in said:
            said.add(_kind(key))
            notes[line] = (column, doc)
    made = []
    for i, line_text in enumerate(source.lines):
        if i in notes and not line_text.lstrip().startswith("-"):
            made.append(f"{' ' * notes[i][0]}# {notes[i][1]}")
        made.append(line_text)
    return "\n".join(made)


def _kind(key: Key) -> str:
    """The place in the schema: ids and indexes of entries do not matter."""
    return f"{key[0]}/{key[-1]}"
