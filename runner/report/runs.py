"""What a run did, step by step: which ran and which came from the cache, why, and where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.plan.kinds import KINDS
from runner.record.model import StepRecord


@dataclass(frozen=True)
class StepGroup:
    """Steps that ended the same way for the same reasons, in the order of the plan."""

    action: str
    reasons: tuple[str, ...]
    steps: tuple[StepRecord, ...]

    @property
    def seconds(self) -> float:
        """Time of all its steps."""
        return sum(step.seconds for step in self.steps)


@dataclass(frozen=True)
class KindTime:
    """The steps of one kind that ran, and the time they took."""

    kind: str
    steps: int
    seconds: float
    share: float  # of the time of all steps that ran, 0 to 1


@dataclass(frozen=True)
class Runs:
    """All steps of a run: in groups, and by kind."""

    groups: tuple[StepGroup, ...]
    kinds: tuple[KindTime, ...]
    seconds: float  # of the steps that ran
    longest: float  # of any one step


def runs(steps: Sequence[StepRecord]) -> Runs:
    """What ran and why; groups stand where their first step stood, failures in front."""
    same: dict[tuple[str, tuple[str, ...]], list[StepRecord]] = {}
    for step in steps:
        same.setdefault((step.action, step.reasons), []).append(step)
    groups = [StepGroup(action, reasons, tuple(own)) for (action, reasons), own in same.items()]
    groups.sort(key=lambda group: group.action != "failed")
    worked = [step for step in steps if step.action not in {"cached", "blocked"}]
    whole = sum(step.seconds for step in worked)
    return Runs(
        groups=tuple(groups),
        kinds=tuple(_kind(kind, worked, whole) for kind in _kinds(worked)),
        seconds=whole,
        longest=max((step.seconds for step in steps), default=0.0),
    )


def _kinds(steps: Sequence[StepRecord]) -> list[str]:
    there = {step.kind for step in steps}
    return [k for k in KINDS if k in there] + sorted(there - set(KINDS))


def _kind(kind: str, steps: Sequence[StepRecord], whole: float) -> KindTime:
    own = [step.seconds for step in steps if step.kind == kind]
    return KindTime(kind, len(own), sum(own), sum(own) / whole if whole else 0.0)
