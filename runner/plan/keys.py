"""The key of a step: the digest of all that decides its outputs, and the reasons why a key is new.

Not in it: paths, times, host, YAML formatting, thresholds, report templates, the memory limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.canonical import PREFIX, digest_value, short
from runner.plan.kinds import KINDS, SCORING_PACKAGES
from runner.plan.model import Reason, Step
from runner.spec.model import Key, Position

IMPLEMENTATION = {name: kind.implementation for name, kind in KINDS.items()}


@dataclass(frozen=True)
class Components:
    """What a key is made of; kept in the manifest, so that a later plan can say what changed."""

    kind: str
    implementation: int
    params: dict[str, Any]
    inputs: dict[str, str]  # role → content digest
    environment: dict[str, str]

    @property
    def key(self) -> str:
        """64 hex digits."""
        return digest_value(self).removeprefix(PREFIX)


def components(
    step: Step, *, outputs: Mapping[tuple[str, str], str], sources: Mapping[str, str], environment: Mapping[str, str]
) -> Components | None:
    """The parts of `step`'s key, or None while an output that it reads is not known.

    Args:
        outputs: (step id, file) → content digest, for steps that are finished.
        sources: id of a model or data set in the spec, as `kind/id` → its digest.
        environment: the environment class, and the versions of the scoring packages.
    """
    inputs: dict[str, str] = {}
    for need in step.needs:
        digest = outputs.get((need.step, need.file))
        if digest is None:
            return None
        inputs[need.role] = digest
    for source in step.sources:
        inputs[source.role] = sources[f"{source.kind}/{source.id}"]
    return Components(step.kind, IMPLEMENTATION[step.kind], step.params, inputs, environment_of(step.kind, environment))


def environment_of(kind: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The parts of `environment` that can change what a step of this kind makes."""
    parts = KINDS[kind].environment if kind in KINDS else None
    return {k: v for k, v in environment.items() if (k not in SCORING_PACKAGES if parts is None else k in parts)}


def why(
    step: Step, new: Components, previous: Mapping[str, Any] | None, positions: Mapping[Key, Position]
) -> tuple[Reason, ...]:
    """The reasons why `step` runs, against the components of its last manifest (None: it never ran)."""
    if previous is None:
        return (Reason("first", "it has not run yet"),)
    reasons: list[Reason] = []
    if previous.get("implementation") != new.implementation:
        reasons.append(Reason("code", f"implementation {previous.get('implementation')} → {new.implementation}"))
    for path, old, value in _differences(previous.get("params", {}), new.params):
        reasons.append(
            Reason("spec", f"{'.'.join(map(str, path))} {say(old)} → {say(value)}", locate(step, path, positions))
        )
    for role, old, value in _flat(previous.get("inputs", {}), new.inputs):
        produced = {n.role: n.step for n in step.needs}
        code, what = (
            ("upstream", f"{produced[role]} has a new output") if role in produced else ("input", f"{role} changed")
        )
        reasons.append(Reason(code, f"{what} ({_digest(old)} → {_digest(value)})"))
    for name, old, value in _flat(previous.get("environment", {}), new.environment):
        reasons.append(Reason("environment", f"{name} {say(old)} → {say(value)}"))
    return tuple(reasons) or (Reason("output-missing", "its outputs are no longer there"),)


def locate(step: Step, path: tuple[str | int, ...], positions: Mapping[Key, Position]) -> str:
    """`file:line` (or `--set`) of the spec value behind a place in a step's params, as near as it can be found."""
    for origin in step.origins:
        for tail in (path, path[1:]):
            position = positions.get((*origin, *tail)) if tail else None
            if position:
                return _place(position)
    position = positions.get(path)
    return _place(position) if position else ""


def _place(position: Position) -> str:
    return position.path if position.path.startswith("--") else f"{position.path}:{position.line}"


def _differences(old: Any, new: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any, Any]]:
    """(place, old, new) of every leaf that differs between two plain values."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for name in sorted(old.keys() | new.keys()):
            found += _differences(old.get(name), new.get(name), (*path, name))
        return found
    return [] if old == new else [(path, old, new)]


def _flat(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(k, old.get(k), new.get(k)) for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k)]


def say(value: Any) -> str:
    """A value as a reason quotes it."""
    text = "unset" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _digest(value: Any) -> str:
    return short(value) if isinstance(value, str) else "nothing"
