"""What a document says in few words, said in full: `--set`, `vars` and `defaults`. Every value keeps its place.

It works on any document, right or wrong; what does not fit is left for the schema to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from runner.errors import Diagnostic
from runner.spec.model import Key
from runner.spec.schema import PLURALS
from runner.spec.source import Origin, Source, Span, Tree, at_key, at_span, at_value
from runner.spec.suggest import did_you_mean
from runner.spec.yaml_text import parse

_VARIABLE = re.compile(r"\$\{vars\.([^{}\s]{1,100})\}")


def override(tree: Tree, assignments: Sequence[str]) -> list[Diagnostic]:
    """Apply `--set key=value` texts to the document, in their order; the value is read as YAML."""
    found: list[Diagnostic] = []
    # All arguments are one source, a line each, so that a place tells them apart.
    source = Source("--set", "", tuple(re.sub("[\n\r\x85\u2028\u2029]", " ", text) for text in assignments))
    for line, text in enumerate(assignments):
        name, equals, value = text.partition("=")
        whole = Span(line, 0, line, len(text))
        if not equals or not name.strip() or any(not part for part in name.strip().split(".")):
            found.append(
                at_span(source, whole, "E306", "`--set` takes key=value", help="`--set tunes.x.train.epochs=1`")
            )
            continue
        parsed = parse(Source.of("--set", value)) if value.strip() else parse(Source.of("--set", '""'))
        if parsed.tree is None or parsed.diagnostics:
            found += [_in_argument(d, source.lines[line], line, len(name) + 1) for d in parsed.diagnostics]
            continue
        moved = _shifted(parsed.tree, source, line, len(name) + 1)
        found += _assign(tree, _parts(name, line), moved, at_span(source, whole, "E306", "", help=""))
    return found


def _parts(name: str, line: int) -> list[tuple[str, Span]]:
    """The parts of a dotted name, each with its place in the argument."""
    column = len(name) - len(name.lstrip())
    parts = []
    for part in name.strip().split("."):
        parts.append((part, Span(line, column, line, column + len(part))))
        column += len(part) + 1
    return parts


def _in_argument(diagnostic: Diagnostic, text: str, line: int, by: int) -> Diagnostic:
    """What is wrong with the value, placed in the whole argument; what is missing stands at its end."""
    column = diagnostic.column + by if diagnostic.line == 1 else len(text)
    return replace(diagnostic, line=line + 1, column=min(column, len(text)), source=text)


def _shifted(tree: Tree, source: Source, line: int, by: int) -> Tree:
    def shift(span: Span) -> Span:
        return Span(line, span.column + by, line, span.end_column + by)

    made = Tree(tree.data)
    for key, origin in tree.origins.items():
        made.origins[key] = Origin(source, shift(origin.key), shift(origin.value), key)
    return made


def _assign(tree: Tree, parts: list[tuple[str, Span]], value: Tree, template: Diagnostic) -> list[Diagnostic]:
    holder: Any = tree.data
    place: Key = ()
    for i, (part, span) in enumerate(parts):
        last = i == len(parts) - 1
        step = _step(holder, part)
        if step is None and isinstance(holder, dict):
            step = part
            if not last:
                holder[part] = {}
                tree.origins[(*place, part)] = replace(value.origins[()], key=span)
        if step is None:
            message = f"`{'.'.join(name for name, _ in parts[:i])}` has no `{part}`"
            return [replace(template, message=message)]
        place = (*place, step)
        if last:
            holder[step] = value.data
            for key in [k for k in tree.origins if k[: len(place)] == place]:
                del tree.origins[key]
            for key, origin in value.origins.items():
                tree.origins[place + key] = replace(origin, written=place + key, key=origin.key if key else span)
        else:
            holder = holder[step]
    return []


def _step(holder: Any, part: str) -> str | int | None:
    if isinstance(holder, dict):
        return part if part in holder else None
    if isinstance(holder, list):
        for i, item in enumerate(holder):
            if item == part or (isinstance(item, dict) and item.get("id") == part):
                return i
        if part.isascii() and part.isdecimal() and len(part) < 6 and int(part) < len(holder):
            return int(part)
    return None


def substitute(tree: Tree) -> list[Diagnostic]:
    """Replace whole values `${vars.x}` by the variables of the document, and take `vars` out of it."""
    variables = tree.data.get("vars")
    found: list[Diagnostic] = []
    if variables is None:
        variables = {}
    if not isinstance(variables, dict):
        return [at_value(tree.origins[("vars",)], "E104", "`vars` is not a section of keys")]
    used: set[str] = set()
    for name, value in variables.items():
        if isinstance(value, dict | list) or value is None:
            help = "share sections and lists with `defaults` or `include`"
            what = "has no value" if value is None else "is not a single value"
            found.append(at_value(tree.origins[("vars", name)], "E303", f"`vars.{name}` {what}", help=help))
            used.add(name)
    pass_ = _Substitution(tree, variables, found, used)
    for key in [k for k in tree.data if k != "vars"]:
        tree.data[key] = pass_.walk(tree.data[key], (key,))
    for name in variables:
        if name not in used:
            origin = tree.origins[("vars", name)]
            found.append(at_key(origin, "W502", f"`vars.{name}` is not used", severity="warning"))
    tree.data.pop("vars", None)
    return found


class _Substitution:
    """One walk over the document."""

    def __init__(self, tree: Tree, variables: dict[str, Any], found: list[Diagnostic], used: set[str]) -> None:
        self.tree, self.variables, self.found, self.used = tree, variables, found, used

    def walk(self, value: Any, place: Key) -> Any:
        if isinstance(value, dict):
            return {key: self.walk(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.walk(item, (*place, i)) for i, item in enumerate(value)]
        if isinstance(value, str) and "${vars." in value:
            return self._value(value, place)
        return value

    def _value(self, text: str, place: Key) -> Any:
        origin = self.tree.origins[place]
        whole = _VARIABLE.fullmatch(text)
        if not whole:
            self.used.update(_VARIABLE.findall(text))
            message = "a variable stands for a whole value, not for a part of a text"
            self.found.append(
                at_value(origin, "E302", message, help="write the text out, or make all of it a variable")
            )
            return text
        name = whole[1]
        if name not in self.variables:
            help = did_you_mean(name, self.variables, what="variables") or "there is no `vars` section"
            self.found.append(at_value(origin, "E301", f"there is no variable `{name}`", help=help))
            return text
        self.used.add(name)
        value = self.variables[name]
        where = self.tree.origins[("vars", name)].position
        note = f"`vars.{name}` is set at {where.path}:{where.line}:{where.column}"
        self.tree.origins[place] = replace(origin, note=note)
        return None if isinstance(value, dict | list) else value


def apply_defaults(tree: Tree) -> None:
    """Merge `defaults.<kind>` under every entry of that kind, section by section; an entry's own values win."""
    defaults = tree.data.get("defaults")
    if not isinstance(defaults, dict):
        return
    for kind, plural in PLURALS.items():
        shared, entries = defaults.get(kind), tree.data.get(plural)
        if not isinstance(shared, dict) or not isinstance(entries, dict):
            continue
        below = {k: o for k, o in tree.origins.items() if k[:2] == ("defaults", kind)}
        for name, entry in entries.items():
            if isinstance(entry, dict):
                _under(tree, entry, (plural, name), shared, ("defaults", kind), below)


def _under(
    tree: Tree, own: dict[str, Any], place: Key, shared: dict[str, Any], start: Key, below: dict[Key, Origin]
) -> None:
    for key, value in shared.items():
        if isinstance(own.get(key), dict) and isinstance(value, dict):
            _under(tree, own[key], (*place, key), value, (*start, key), below)
        elif key not in own:
            own[key] = _copy(value)
            depth = len(start) + 1
            for at, origin in below.items():
                if at[:depth] == (*start, key):
                    tree.origins[(*place, key, *at[depth:])] = origin


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, list) else value
