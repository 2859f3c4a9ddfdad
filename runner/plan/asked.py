"""What the answers of a campaign ask of memory, as far as the plan knows: which prompts, how long, how many at a time.

Steps that ask the same are one question: the arms of a comparison differ in their adapters alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.plan.model import Step
from runner.plan.names import UPSTREAM, name_of


@dataclass(frozen=True)
class Asked:
    """Answers of one model to the prompts of one split."""

    model: str
    dtype: str
    step: str  # that prepares the data set
    file: str  # of it, with the samples as they are asked
    prompts: tuple[str, ...]  # templates; "" is the data set's own prompt
    images: bool
    upstream: tuple[tuple[str, int], ...]  # stage whose answer the prompt holds → tokens that it may have
    references: tuple[tuple[str, str], ...]  # stage that is taken as perfect → the column with its text
    max_tokens: int
    batch_size: int | None
    pack: bool
    place: str  # of the settings in the spec: evaluations.summary.generate

    @property
    def dataset(self) -> str:
        """Whose prompts they are."""
        return name_of(self.step)

    @property
    def split(self) -> str:
        """Of the data set."""
        return self.file.partition(".")[0]


@dataclass(frozen=True)
class AskedBy:
    """The steps that ask the same, in the plan's order, and the LoRA settings of the largest adapter among them."""

    steps: tuple[str, ...]
    lora: dict[str, Any] | None

    def joined(self, other: AskedBy) -> AskedBy:
        """Both."""
        return AskedBy((*self.steps, *other.steps), max(self.lora, other.lora, key=_weight))


def asked_by(steps: Sequence[Step]) -> dict[Asked, AskedBy]:
    """Every question with the steps that ask it."""
    by_id = {s.id: s for s in steps}
    found: dict[Asked, AskedBy] = {}
    for step in (s for s in steps if s.kind == "generate"):
        asked, lora = asked_of(step, by_id), _lora(step, by_id)
        found[asked] = found.get(asked, AskedBy((), None)).joined(AskedBy((step.id,), lora))
    return found


def asked_of(step: Step, by_id: Mapping[str, Step]) -> Asked:
    """What a generate step asks."""
    params, needs = step.params, {n.role: n for n in step.needs}
    settings = params["settings"]
    fed = [(role.removeprefix(UPSTREAM), by_id[n.step]) for role, n in needs.items() if role.startswith(UPSTREAM)]
    place = [str(part) for part in step.origins[0]] if step.origins else []
    return Asked(
        model=step.group,
        dtype=params["dtype"],
        step=needs["inputs"].step,
        file=needs["inputs"].file,
        prompts=tuple(params["paraphrases"]) or (params["prompt"],),
        images=params["images"],
        upstream=tuple((stage, int(parent.params["settings"]["max_tokens"])) for stage, parent in fed),
        references=tuple(sorted(params["references"].items())),
        max_tokens=int(settings["max_tokens"]),
        batch_size=settings["batch_size"],
        pack=settings["pack"],
        place=".".join(place) if place and all(place) else "generate",
    )


@dataclass(frozen=True)
class Weighed:
    """What was chosen for some answers: how many at a time (None: as the spec has it), the forecast, and why."""

    batch_size: int | None
    forecast_bytes: int | None
    reasons: tuple[str, ...] = ()


def weighed(steps: Sequence[Step], choices: Mapping[Asked, Weighed]) -> tuple[Step, ...]:
    """The steps with what was chosen for their answers."""
    by_id = {s.id: s for s in steps}
    return tuple(_chosen(s, choices.get(asked_of(s, by_id))) if s.kind == "generate" else s for s in steps)


def _chosen(step: Step, choice: Weighed | None) -> Step:
    if choice is None:
        return step
    params = step.params
    if choice.batch_size != params["settings"]["batch_size"]:
        params = {**params, "settings": {**params["settings"], "batch_size": choice.batch_size}}
    return replace(step, params=params, notes=(*step.notes, *choice.reasons), forecast_bytes=choice.forecast_bytes)


def _lora(step: Step, by_id: Mapping[str, Step]) -> dict[str, Any] | None:
    """Of the adapter that a step answers with; of a sweep's winner, that of its largest variant."""
    tunes = [by_id[n.step] for n in step.needs if n.role == "adapter"]
    while any(t.kind == "select" for t in tunes):
        tunes = [by_id[n.step] for t in tunes for n in t.needs if n.role.startswith("adapter")]
    return max((t.params["lora"] for t in tunes), key=_weight, default=None)


def _weight(lora: Mapping[str, Any] | None) -> tuple[int, int]:
    return (0, 0) if lora is None else (int(lora["rank"]), len(lora["target_modules"]))
