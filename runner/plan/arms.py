"""The arms of an evaluation: with which adapters its subject is run, before, after, and to tell what bought the gain.

A chain is measured with each stage untuned and tuned (2 x 2 for two stages), with the separately tuned adapter of a
later stage as a further column, and with reference texts in place of the first stages (what is lost there?).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from runner.spec.model import EvaluationSpec, Spec, StageSpec

BASE = "base"
REFERENCE = "reference"


@dataclass(frozen=True)
class Arm:
    """One way to run an evaluation's subject: for each stage `base`, a tune's id or `reference`."""

    id: str  # before | after | "<choice>>…"
    choices: tuple[str, ...]

    @property
    def is_main(self) -> bool:
        """Whether this arm is judged; the others explain."""
        return self.id in ("before", "after")


def stages_of(spec: Spec, evaluation: EvaluationSpec) -> tuple[StageSpec, ...]:
    """The stages that the subject runs; a model or a tune is a chain of one."""
    subject = evaluation.subject
    if subject in spec.chains:
        return spec.chains[subject].stages
    if subject in spec.tunes:
        tune = spec.tunes[subject]
        if tune.chain:
            return spec.chains[tune.chain].stages
        return (StageSpec(id=subject, model=tune.model, adapter=subject),)
    return (StageSpec(id=subject, model=subject),)


def separate_tune(spec: Spec, stage: StageSpec) -> str:
    """The tune of this stage's model that did not see the chain, or ""."""
    own = spec.tunes.get(stage.adapter)
    if own is None or not own.chain:
        return ""
    if own.start_from and not spec.tunes[own.start_from].chain:
        return own.start_from
    others = [t.id for t in spec.tunes.values() if t.model == stage.model and not t.chain]
    return others[0] if others else ""


def arms_of(spec: Spec, evaluation: EvaluationSpec) -> tuple[Arm, ...]:
    """`before`, `after`, then the explaining arms of a chain."""
    stages = stages_of(spec, evaluation)
    before = Arm("before", tuple(BASE for _ in stages))
    after = Arm("after", tuple(s.adapter or BASE for s in stages))
    arms = [before, after]
    if len(stages) > 1:
        taken = {before.choices, after.choices}
        for choices in _attribution(spec, stages):
            if choices not in taken:
                taken.add(choices)
                arms.append(Arm(">".join(choices), choices))
        if stages[0].reference:
            ends = dict.fromkeys((BASE, after.choices[-1]))
            middle = after.choices[1:-1]
            arms += [Arm(">".join((REFERENCE, *middle, end)), (REFERENCE, *middle, end)) for end in ends]
    return tuple(arms)


def _attribution(spec: Spec, stages: tuple[StageSpec, ...]) -> list[tuple[str, ...]]:
    """The full grid for two stages; for more, one stage at a time is tuned or left out."""
    options = [dict.fromkeys((BASE, separate_tune(spec, s) or s.adapter or BASE, s.adapter or BASE)) for s in stages]
    if len(stages) == 2:
        return [tuple(c) for c in product(*options)]
    flips = []
    for i, stage in enumerate(stages):
        own = stage.adapter or BASE
        flips.append(tuple(own if j == i else BASE for j in range(len(stages))))
        flips.append(tuple(BASE if j == i else (s.adapter or BASE) for j, s in enumerate(stages)))
    return flips
