"""Where in the spec file each check comes from, for annotations. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from runner.acceptance.model import Check
from runner.spec.model import Key, Position, Spec


def lines_of(spec: Spec, checks: tuple[Check, ...]) -> dict[str, int]:
    """check id → line of the spec file; "" is the line of the acceptance section."""
    places = _places(spec)
    found = {"": _line(spec.positions, ("acceptance",))}
    for check in checks:
        key = places.get((check.kind, check.id)) or _step_place(check)
        found[check.id] = _line(spec.positions, key or ("acceptance",))
    return found


def _places(spec: Spec) -> dict[tuple[str, str], Key]:
    """(kind, check id) → where the spec asks for it."""
    found: dict[tuple[str, str], Key] = {("memory", "memory"): ("limits", "memory")}
    for number, target in enumerate(spec.acceptance.targets):
        found["target", target.id] = ("acceptance", "targets", number)
    for number, limit in enumerate(spec.acceptance.limits):
        for kind in ("limit", "memory"):
            found[kind, limit.id or limit.metric] = ("acceptance", "limits", number)
    return found


def _step_place(check: Check) -> Key | None:
    if check.kind == "guard":
        return ("acceptance", "guards")
    kind, _, name = check.title.partition("/")
    sections = {"prepare": "datasets", "lengths": "tunes", "tune": "tunes"}
    sections |= dict.fromkeys(("generate", "score", "baselines"), "evaluations")
    return (sections[kind], name.partition("/")[0]) if kind in sections and name else None


def _line(positions: Mapping[Key, Position], key: Key) -> int:
    """The line of a place, or of the nearest section around it that is known; 1 where none is."""
    while key:
        if key in positions:
            return positions[key].line
        inside = [place.line for known, place in positions.items() if known[: len(key)] == key]
        if inside:
            return min(inside)
        key = key[:-1]
    return 1
