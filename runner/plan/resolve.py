"""Steps + what is known of earlier outputs → `Plan`: which steps run, which are cached, and why."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runner.plan.digests import policy_digest, recipe_digest
from runner.plan.keys import Components, components, why
from runner.plan.model import Plan, PlannedStep, Reason, Step
from runner.plan.rehearsal import unneeded
from runner.spec.model import Spec


@dataclass(frozen=True)
class Finished:
    """A finished step as its manifest tells it: enough to plan with."""

    step: str
    key: str
    components: dict[str, Any]
    outputs: dict[str, str]  # file → content digest


@dataclass
class Known:
    """What a plan is made from, besides the spec: digests of sources, the environment, and finished steps."""

    sources: Mapping[str, str]
    environment: Mapping[str, str]
    by_key: Mapping[str, Finished]
    last_of: Mapping[str, Finished]  # step id → its newest manifest
    force: frozenset[str] = frozenset()  # step ids to run whatever is cached
    keep_environment: bool = False  # take outputs that differ in the environment alone
    broken: Mapping[str, str] = field(default_factory=dict)  # key → what is wrong with its outputs
    unfinished: Mapping[str, bool] = field(default_factory=dict)  # key of a step that was begun → has it a checkpoint
    unneeded: frozenset[str] = frozenset()  # rehearsals that nothing to run waits for: their last one stands
    outputs: dict[tuple[str, str], str] = field(default_factory=dict)  # filled while planning

    def remember(self, step_id: str, finished: Finished) -> None:
        """Let later steps read the outputs of `step_id`."""
        for file, digest in finished.outputs.items():
            self.outputs[(step_id, file)] = digest


def decide(step: Step, known: Known, spec: Spec) -> tuple[PlannedStep, Components | None]:
    """Whether one step runs. A cached step's outputs are remembered in `known`."""
    parts = components(step, outputs=known.outputs, sources=known.sources, environment=known.environment)
    if step.id in known.unneeded and (stands := known.last_of.get(step.id)):
        known.remember(step.id, stands)
        reason = Reason("unneeded", f"no step of `{step.group}` is to run, so its last rehearsal stands")
        return PlannedStep(step, "cached", stands.key, (reason,)), parts
    if parts is None:
        waiting = sorted({n.step for n in step.needs if (n.step, n.file) not in known.outputs})
        reason = Reason("upstream", f"after {', '.join(waiting)}")
        return PlannedStep(step, "upstream", reasons=(reason,)), None
    if parts.key in known.broken:
        return PlannedStep(step, "run", parts.key, (Reason("output-corrupt", known.broken[parts.key]),)), parts
    found = known.by_key.get(parts.key)
    if found and step.id not in known.force:
        known.remember(step.id, found)
        return PlannedStep(step, "cached", parts.key, cached_as=found.step if found.step != step.id else ""), parts
    last = known.last_of.get(step.id)
    reasons = (
        (Reason("forced", "asked for"),)
        if step.id in known.force
        else why(step, parts, last.components if last else None, spec.positions)
    )
    if last and known.keep_environment and {r.code for r in reasons} == {"environment"}:
        known.remember(step.id, last)
        return PlannedStep(step, "cached", last.key, reasons), parts
    return PlannedStep(step, "run", parts.key, _with_begun(reasons, known.unfinished.get(parts.key))), parts


def _with_begun(reasons: tuple[Reason, ...], has_checkpoint: bool | None) -> tuple[Reason, ...]:
    """The reasons of a step, and that an earlier run of this very step did not come to its end."""
    if has_checkpoint is None:
        return reasons
    text = "it was interrupted and goes on from its checkpoint" if has_checkpoint else "it was begun and did not end"
    return (*(r for r in reasons if r.code != "first"), Reason("incomplete", text))


def settled_rehearsals(
    spec: Spec, steps: Sequence[Step], known: Known, *, asked: Container[str] = ()
) -> tuple[Step, ...]:
    """The steps without rehearsals that nothing to run waits for and that never ran; `known` notes those that did.

    A rehearsal is minutes that save hours: where no hours are to come, none is held.
    """
    trial = replace(known, outputs=dict(known.outputs), unneeded=frozenset())
    idle = unneeded(make_plan(spec, steps, trial).steps, asked=asked)
    known.unneeded = frozenset(i for i in idle if (last := known.last_of.get(i)) and last.key not in known.broken)
    return tuple(s for s in steps if s.id not in idle - known.unneeded)


def make_plan(spec: Spec, steps: Sequence[Step], known: Known) -> Plan:
    """The plan of a campaign. Steps whose inputs are still to be made have the action `upstream` and no key."""
    planned = tuple(decide(step, known, spec)[0] for step in steps)
    return Plan(spec.metadata.name, spec.path, planned, recipe_digest(spec), policy_digest(spec))
