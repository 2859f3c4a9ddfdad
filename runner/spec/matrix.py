"""`matrix`: one tune written as many. The product of its axes, with combinations added and left out, each with a name.

Every variant is tuned and measured on `valid`; the best by the declared metric is what the tune's id stands for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runner.errors import Diagnostic
from runner.spec.fields import partial
from runner.spec.model import Key
from runner.spec.schema_recipe import TUNE
from runner.spec.source import Tree, at_key, at_value
from runner.spec.suggest import did_you_mean
from runner.spec.validator import faults, keys_at

MAX_VARIANTS = 64
_SETTINGS = {name: rules for name, rules in partial(TUNE).items() if name in ("lora", "train")}
PATHS = tuple(f"{section}.{key}" for section in _SETTINGS for key in keys_at(_SETTINGS, (section,)))


@dataclass(frozen=True)
class Variant:
    """One combination: `lora.rank` → 16, …"""

    id: str
    values: tuple[tuple[str, Any], ...]


def expand(name: str, matrix: dict[str, Any]) -> tuple[Variant, ...]:
    """The variants of a checked matrix, in the order of writing: the last axis changes fastest."""
    axes = matrix.get("axes", {})
    combinations = (
        [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    )
    left_out = matrix.get("exclude", [])
    kept = [c for c in combinations if not any(all(c.get(k) == v for k, v in e.items()) for e in left_out)]
    kept += [dict(extra) for extra in matrix.get("include", []) if extra not in kept]
    return tuple(Variant(f"{name}@{','.join(_part(k, v) for k, v in c.items())}", tuple(c.items())) for c in kept)


def _part(path: str, value: Any) -> str:
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value).lower() if value is True else f"{value}"
    return f"{path.rpartition('.')[2]}={text}"


def with_values(section: dict[str, Any], variant: Variant) -> dict[str, Any]:
    """A tune's section with one variant's values set in it."""
    made = {**section}
    for path, value in variant.values:
        part, _, key = path.partition(".")
        made[part] = {**made.get(part, {}), key: value}
    return made


def check_matrix(tree: Tree, name: str, matrix: dict[str, Any]) -> list[Diagnostic]:
    """All that is wrong in the axes, additions and exclusions of one tune's matrix."""
    place: Key = ("tunes", name, "matrix")
    found: list[Diagnostic] = []
    for at, path, value in _settings(place, matrix):
        found += _setting(tree, at, path, value)
    axes = matrix.get("axes", {})
    for path, values in axes.items():
        for i, value in enumerate(values):
            if value in values[:i]:
                origin = tree.nearest((*place, "axes", path, i))
                found.append(at_value(origin, "E305", f"`{value}` is twice on the axis `{path}`", help="delete one"))
    count = 1
    for values in axes.values():
        count *= max(1, len(values))
    if count + len(matrix.get("include", [])) > MAX_VARIANTS:
        message = f"the matrix has {count:,} variants, the most is {MAX_VARIANTS}"
        found.append(at_key(tree.nearest(place), "E305", message, help="shorten an axis"))
    elif not found and len(expand(name, matrix)) < 2:
        message = "the matrix leaves nothing to choose from"
        found.append(at_key(tree.nearest(place), "E305", message, help="two variants are the least"))
    for i, left_out in enumerate(matrix.get("exclude", [])):
        if not all(left_out[path] in axes.get(path, []) for path in left_out):
            origin = tree.nearest((*place, "exclude", i))
            found.append(at_value(origin, "E305", "this combination is not in the matrix", help="it excludes nothing"))
    return found


def _settings(place: Key, matrix: dict[str, Any]) -> Iterator[tuple[Key, str, Any]]:
    for path, values in matrix.get("axes", {}).items():
        for i, value in enumerate(values):
            yield (*place, "axes", path, i), path, value
    for kind in ("include", "exclude"):
        for i, combination in enumerate(matrix.get(kind, [])):
            for path, value in combination.items():
                yield (*place, kind, i, path), path, value


def _setting(tree: Tree, at: Key, path: str, value: Any) -> list[Diagnostic]:
    origin = tree.nearest(at)
    if path not in PATHS:
        help = did_you_mean(path, PATHS, what="an axis is one of")
        return [
            at_key(tree.nearest(at[:-1] if at[-3] == "axes" else at), "E305", f"`{path[:80]}` is no axis", help=help)
        ]
    section, _, key = path.partition(".")
    if not faults({section: {key: value}}, _SETTINGS):
        return []
    return [at_value(origin, "E305", f"`{path}` cannot be `{str(value)[:60]}`", help=_doc(section, key))]


def _doc(section: str, key: str) -> str:
    rules = _SETTINGS[section]["schema"][key]
    bounds = f", from {rules['min']} to {rules['max']}" if "min" in rules else ""
    options = f": {', '.join(rules['allowed'])}" if "allowed" in rules else ""
    doc = rules["meta"]["doc"].rstrip(".")
    return f"`{section}.{key}`: {doc[:1].lower()}{doc[1:]}{bounds}{options}"
