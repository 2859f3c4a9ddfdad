"""One step of a plan in full: why it runs, what its key is made of, what it reads and feeds, what it will take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runner.canonical import short
from runner.cli.plan_text import action_of, duration, reason_of, sequence, size
from runner.plan.choose import needed_by
from runner.plan.keys import Components, components, locate
from runner.plan.model import PlannedStep
from runner.report.hostile import one_line
from runner.run.campaign import Planned
from runner.run.outlook import Outlook
from runner.spec.model import Spec
from runner.store.manifest import Manifest

MAX_VALUE = 160  # characters of a setting


def explain_step(spec: Spec, planned: Planned, outlook: Outlook, step_id: str, *, of_rows: str = "") -> str:
    """The step in words, a headed paragraph for each question that a person may have.

    `of_rows` is what is forecast for the step's own rows or prompts, in words.
    """
    found = next(s for s in planned.plan.steps if s.step.id == step_id)
    known = planned.survey.known
    parts = components(found.step, outputs=known.outputs, sources=known.sources, environment=known.environment)
    last = planned.survey.artifacts.last_of().get(step_id)
    lines = [f"{one_line(step_id)}: {one_line(found.step.title)}", ""]
    for heading, text in (
        ("does", _does(planned, found)),
        ("because", [reason_of(found, i) for i in range(len(found.reasons))] or ["its outputs are there"]),
        ("last run", _last(last, found)),
        ("takes", _takes(outlook, found)),
        ("memory", [*found.step.notes, *([of_rows] if of_rows else [])]),
        ("fast paths", _paths(found, last)),
        ("needs", _needs(found, known.outputs, known.sources)),
        ("feeds", _feeds(planned, step_id)),
        ("key", _key(found, parts)),
        ("settings", _settings(spec, found)),
        ("environment", [f"{k} {v}" for k, v in sorted(parts.environment.items())] if parts else []),
    ):
        lines += _paragraph(heading, text)
    return "\n".join(lines)


def _paragraph(heading: str, texts: list[str]) -> list[str]:
    return [f"{heading if i == 0 else '':<12} {one_line(text)}" for i, text in enumerate(texts)]


def _does(planned: Planned, found: PlannedStep) -> list[str]:
    ids = [s.step.id for s in planned.plan.steps]
    where = f"in the process of the model {found.step.group}" if found.step.group else "without a model"
    return [f"{action_of(found)}: step {ids.index(found.step.id) + 1} of {len(ids)}, {where}"]


def _last(last: Manifest | None, found: PlannedStep) -> list[str]:
    if last is None:
        return ["never, on this machine"]
    peak = last.memory.get("peak_bytes")
    memory = f", a peak of {size(peak)}" if isinstance(peak, int) else ""
    place = f"artifacts/{found.step.id}/{last.key}"
    return [f"{last.created}: {duration(last.seconds)}{memory}", place]


def _takes(outlook: Outlook, found: PlannedStep) -> list[str]:
    takes = outlook.steps.get(found.step.id)
    if takes is None:
        return ["nothing: it is cached"]
    return [
        f"time    {duration(takes.duration.seconds)}: {takes.duration.basis}",
        f"memory  {size(takes.memory.size_bytes)}: {takes.memory.basis}",
        f"disk    {size(takes.disk.size_bytes)}: {takes.disk.basis}",
    ]


def _paths(found: PlannedStep, last: Manifest | None) -> list[str]:
    """What the plan decided of a tuning; of another step what its last run took."""
    if found.step.paths:
        return [f"{name}: {said}" for name, said in found.step.paths]
    taken = last.measures.get("paths_taken") if last else None
    return [f"{name}: {said} (in its last run)" for name, said in sorted(taken.items())] if taken else []


def _needs(found: PlannedStep, outputs: Mapping[tuple[str, str], str], sources: Mapping[str, str]) -> list[str]:
    """Each input with its digest, as far as it is known."""
    lines = []
    for need in found.step.needs:
        made = outputs.get((need.step, need.file))
        lines.append(f"{need.role}: {need.file} of {need.step} ({short(made) if made else 'not made yet'})")
    for source in found.step.sources:
        lines.append(f"{source.role}: {source.kind} {source.id} ({_digest(sources[f'{source.kind}/{source.id}'])})")
    return lines


def _digest(value: str) -> str:
    return short(value) if value.startswith("sha256:") else value


def _feeds(planned: Planned, step_id: str) -> list[str]:
    direct = [s.step.id for s in planned.plan.steps if any(n.step == step_id for n in s.step.needs)]
    behind = [i for i in needed_by(planned.steps, step_id) if i not in direct]
    if not direct:
        is_judged = any(s.step.id == step_id and s.step.kind == "score" for s in planned.plan.steps)
        return ["no other step; it is part of the verdict" if is_judged else "no other step"]
    return [sequence(direct), *([f"and through them {sequence(behind)}"] if behind else [])]


def _key(found: PlannedStep, parts: Components | None) -> list[str]:
    if parts is None:
        return ["known when its inputs are made; it is the digest of inputs, settings and environment below"]
    about = f"kind {parts.kind}, implementation {parts.implementation}, and inputs, settings and environment as here"
    return [parts.key, about]


def _settings(spec: Spec, found: PlannedStep) -> list[str]:
    """Every value that the step reads of the spec, with its line where it was written."""
    lines = []
    for path, value in _leaves(found.step.params):
        place = locate(found.step, path, spec.positions)
        said = one_line(json.dumps(value, ensure_ascii=False), MAX_VALUE)
        lines.append(f"{'.'.join(map(str, path))}: {said}" + (f"  ({place})" if place else ""))
    return lines


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name in sorted(value) for leaf in _leaves(value[name], (*path, name))]
    return [(path, value)]
