"""A record → the steps that it is of, to be run again: ids, parameters and inputs as recorded, not as planned today.

Pure: a record in, steps out. What an input was is found by its digest among the outputs of earlier steps, the models
and the data sets of the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, get_args, get_type_hints

from runner.canonical import short
from runner.errors import IntegrityError, UsageError
from runner.plan.keys import Components
from runner.plan.kinds import KINDS
from runner.plan.model import Need, Source, Step
from runner.plan.names import name_of
from runner.record.model import Record, StepRecord
from runner.shape import ShapeError, build
from runner.spec.model import GenerateSpec, LoraSpec, MetricSpec, TrainSpec
from runner.verify.model import digest_in

MEASURING = frozenset(name for name, kind in KINDS.items() if kind.is_measurement)
# Canonical JSON writes 0.0 as 0; what a step reads has the types of the spec again.
SPECS: dict[str, type] = {"lora": LoraSpec, "train": TrainSpec, "settings": GenerateSpec}


def steps_of(record: Record) -> tuple[Step, ...]:
    """The steps of a record that came to an end, in their order.

    Raises:
        IntegrityError: a step's key is not that of its parts, or an input is nothing that the record names.
    """
    made: dict[str, tuple[str, str]] = {}  # content digest → (step, file)
    steps: list[Step] = []
    for recorded in record.steps:
        if recorded.action not in ("run", "cached") or recorded.kind in MEASURING:
            continue
        steps.append(_step(record, recorded, made))
        for file, digest in recorded.outputs.items():
            made.setdefault(digest, (recorded.id, file))
    return tuple(steps)


def components_of(recorded: StepRecord) -> Components:
    """The parts of a recorded step's key.

    Raises:
        IntegrityError: they are of another shape, or do not give the recorded key.
    """
    try:
        parts = build(Components, recorded.components)
    except ShapeError as error:
        raise IntegrityError(f"the record's step `{recorded.id[:80]}` cannot be read: {error}") from error
    if parts.key != recorded.key or parts.kind != recorded.kind:
        raise IntegrityError(f"the record's step `{recorded.id[:80]}` does not have the key that its parts give")
    return parts


def asked_metrics(recorded: StepRecord) -> tuple[MetricSpec, ...]:
    """The metrics that a recorded score step was asked for; none where its parameters have another shape."""
    try:
        return tuple(build(MetricSpec, m) for m in recorded.components["params"]["metrics"])
    except (ShapeError, KeyError, TypeError):
        return ()


def _step(record: Record, recorded: StepRecord, made: Mapping[str, tuple[str, str]]) -> Step:
    parts = components_of(recorded)
    names = recorded.id.split("/")
    if names[0] != recorded.kind or len(names) < 2 or any(n in ("", ".", "..") or "\0" in n for n in names):
        raise IntegrityError(f"the record names a step `{recorded.id[:80]}`, which no plan makes")
    needs: list[Need] = []
    sources: list[Source] = []
    for role, digest in parts.inputs.items():
        if digest in made:
            needs.append(Need(role, *made[digest]))
        else:
            sources.append(_source(record, recorded.id, role, digest))
    model = next((s.id for s in sources if s.kind == "checkpoint"), "")
    return Step(
        id=recorded.id,
        kind=recorded.kind,
        params={name: _as_written(SPECS.get(name), value) for name, value in parts.params.items()},
        needs=tuple(needs),
        sources=tuple(sources),
        group=model,
        title=recorded.id,
    )


def _source(record: Record, step: str, role: str, digest: str) -> Source:
    """The model or data set behind a digest. Of several with the same content, the one that the step is named for."""
    for kind, entries in (("checkpoint", record.models), ("dataset", record.data)):
        names = [name for name, entry in entries.items() if digest_in(entry) == digest]
        if names:
            own = name_of(step)
            return Source(role, kind, own if own in names else names[0])
    raise IntegrityError(f"`{step}`: the record does not say what its input `{role[:60]}` ({short(digest)}) was")


def _as_written(kind: type | None, value: Any) -> Any:
    """`value` with whole numbers as floats where the fields of `kind` hold floats."""
    if kind is None or not isinstance(value, dict):
        return value
    hints = get_type_hints(kind)
    floats = {name for name, hint in hints.items() if hint is float or float in get_args(hint)}
    return {n: float(v) if n in floats and type(v) is int else v for n, v in value.items()}


def chosen(steps: Iterable[Step], patterns: Iterable[str]) -> tuple[Step, ...]:
    """The steps whose ids match one of the patterns (`tune/*`); all of them without patterns.

    Raises:
        UsageError: a pattern matches none.
    """
    known, wanted = tuple(steps), tuple(patterns)
    for pattern in wanted:
        if not any(fnmatchcase(step.id, pattern) for step in known):
            raise UsageError(
                f"the record has no finished step `{pattern}`", help=f"it has {', '.join(s.id for s in known[:12])}"
            )
    return tuple(s for s in known if not wanted or any(fnmatchcase(s.id, p) for p in wanted))


def with_missing_parents(steps: Iterable[Step], picked: Iterable[Step], there: Iterable[str]) -> tuple[Step, ...]:
    """`picked`, and before them the steps that make inputs which are not `there` (ids of steps), in order."""
    by_id = {step.id: step for step in steps}
    wanted, present = {step.id for step in picked}, set(there)
    waiting = list(wanted)
    while waiting:
        for need in by_id[waiting.pop()].needs:
            if need.step not in wanted and need.step not in present:
                wanted.add(need.step)
                waiting.append(need.step)
    return tuple(step for step in by_id.values() if step.id in wanted)
