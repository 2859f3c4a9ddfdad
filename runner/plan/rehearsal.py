"""`rehearse/<model>`: the steps that try each model before its hours, made from the steps that they stand for.

A rehearsal reads what the real steps read and is read by none of them: no key of theirs holds it. What it tries is
whatever decides whether they work: modules, sequence lengths, micro-batches, prompts. How long and how fast is learnt
is left out, so that another learning rate is no new rehearsal.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runner.canonical import canonical_json
from runner.plan.model import Need, PlannedStep, Source, Step
from runner.plan.names import UPSTREAM, name_of, rehearse_id
from runner.samples.lengths import FILE as LENGTHS

# Settings of `train` that cannot make a model fail, run out of memory or leave a fast path.
OF_LENGTH = (
    *("learning_rate", "lr_schedule", "warmup_updates", "epochs", "max_updates", "eval_every", "save_every", "best"),
    "patience",
)
KIND = "rehearse"
ANSWERS = "answers.{}.jsonl"


def with_rehearsals(steps: Sequence[Step], *, models: Iterable[str]) -> tuple[Step, ...]:
    """The steps with a rehearsal for each of the models that they use; everything that needs a model waits for all."""
    used = [m for m in models if any(s.group == m for s in steps)]
    made: dict[str, _Rehearsal] = {}
    for model in _in_order(used, steps):
        made[model] = _rehearsal(model, steps, made)
    names = tuple(r.step.id for r in made.values())
    return (*(r.step for r in made.values()), *(replace(s, after=(*s.after, *names)) if s.group else s for s in steps))


@dataclass
class _Rehearsal:
    """What one model's rehearsal answers, as it grows."""

    model: str
    first: Step  # of the model's real steps: family and dtype are theirs
    needs: list[Need] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    tunes: list[dict[str, Any]] = field(default_factory=list)
    entries: dict[str, int] = field(default_factory=dict)  # id of a generate step → the entry that stands for it
    _known: dict[bytes, int] = field(default_factory=dict)

    def need(self, step: str, file: str) -> str:
        """The role of an input; the same file has one role."""
        for need in self.needs:
            if (need.step, need.file) == (step, file):
                return need.role
        self.needs.append(Need(f"input.{len(self.needs)}", step, file))
        return self.needs[-1].role

    def answer(self, step: Step, entry: dict[str, Any]) -> None:
        """Take a generate step in; steps that ask the same of the base model share an entry."""
        place = self._known.setdefault(canonical_json(entry), len(self.answers))
        if place == len(self.answers):
            self.answers.append(entry)
        self.entries[step.id] = place

    @property
    def step(self) -> Step:
        """The step as far as it has grown."""
        params = {
            "family": self.first.params["family"],
            "dtype": self.first.params["dtype"],
            "seed": self.first.params["seed"],
            "tunes": self.tunes,
            "answers": self.answers,
        }
        return Step(
            id=rehearse_id(self.model),
            kind=KIND,
            params=params,
            needs=tuple(self.needs),
            sources=(Source("model", "checkpoint", self.model),),
            group=self.model,
            title=f"rehearse {self.model}",
            origins=(("models", self.model),),
        )


def unneeded(planned: Sequence[PlannedStep], *, asked: Container[str] = ()) -> frozenset[str]:
    """The rehearsals that would run before nothing: no tuning and no answering of their model is to run.

    `asked` are steps that a person named: those are worth it by themselves. A rehearsal that another one reads is
    needed as long as that one is.
    """
    running = [p.step for p in planned if p.action != "cached"]
    rehearsals = [s for s in running if s.kind == KIND]
    busy = {s.group for s in running if s.kind != KIND and s.group}
    needed = {s.id for s in rehearsals if s.group in busy or s.id in asked}
    for step in reversed(rehearsals):  # a rehearsal reads only earlier ones
        if step.id in needed:
            needed |= {n.step for n in step.needs}
    return frozenset(s.id for s in rehearsals if s.id not in needed)


def _in_order(models: Sequence[str], steps: Sequence[Step]) -> list[str]:
    """Models whose answers others' prompts hold come first. Of two that feed each other, the first of the spec."""
    group = {s.id: s.group for s in steps}
    feeds = {
        m: {group[n.step] for s in steps if s.group == m for n in s.needs if group[n.step] not in ("", m)}
        for m in models
    }
    left, done = list(models), list[str]()
    while left:
        free = [m for m in left if feeds[m] <= set(done)]
        done.append((free or left)[0])
        left.remove(done[-1])
    return done


def _rehearsal(model: str, steps: Sequence[Step], made: dict[str, _Rehearsal]) -> _Rehearsal:
    own = [s for s in steps if s.group == model]
    growing = _Rehearsal(model, own[0])
    for step in own:
        if step.kind == "generate" and not (step.params["references"] or step.params["repeat"]):
            growing.answer(step, _entry(growing, step, made))
    seen: dict[bytes, dict[str, Any]] = {}
    for step in own:
        if step.kind == "tune":
            entry = _tuning(growing, step, steps, made)
            mark = canonical_json({k: v for k, v in entry.items() if k not in ("id", "stream", "lengths")})
            # Variants that differ in what a rehearsal does not try are tried once.
            seen.setdefault(mark, {**entry, "stands_for": []})["stands_for"].append(entry["id"])
    growing.tunes += seen.values()
    return growing


def _entry(growing: _Rehearsal, step: Step, made: dict[str, _Rehearsal]) -> dict[str, Any]:
    needs = {n.role: n for n in step.needs}
    settings = step.params["settings"]
    return {
        "name": step.id.split("/")[1],
        "inputs": growing.need(needs["inputs"].step, needs["inputs"].file),
        "prompt": step.params["prompt"],
        "images": step.params["images"],
        "max_tokens": settings["max_tokens"],
        "batch_size": settings["batch_size"],
        "share_prefix": settings["share_prefix"],
        "pack": settings["pack"],
        "upstream": {
            role.removeprefix(UPSTREAM): _answered(growing, need, made)
            for role, need in needs.items()
            if role.startswith(UPSTREAM)
        },
    }


def _tuning(growing: _Rehearsal, step: Step, steps: Sequence[Step], made: dict[str, _Rehearsal]) -> dict[str, Any]:
    needs = {n.role: n for n in step.needs}
    params = step.params
    fed = [role for role in needs if role.startswith("train.")]
    counted = next((s for s in steps if s.kind == "lengths" and s.id in step.after), None)
    return {
        "id": name_of(step.id),
        "train": growing.need(needs["train"].step, needs["train"].file),
        # The tokens of rows that hold another model's answers are counted when those are there: after the rehearsal.
        "lengths": growing.need(counted.id, LENGTHS) if counted and not fed else "",
        "lora": params["lora"],
        "settings": {k: v for k, v in params["train"].items() if k not in OF_LENGTH},
        "prompt": params["prompt"],
        "images": params["images"],
        "stream": params["stream"],
        "upstream": {role.removeprefix("train."): _answered(growing, needs[role], made) for role in fed},
    }


def _answered(growing: _Rehearsal, need: Need, made: dict[str, _Rehearsal]) -> str:
    """Where the answers of an earlier stage are: an input's role, an entry of this very model, or "" for neither."""
    if need.step in growing.entries:
        return ANSWERS.format(growing.entries[need.step])
    for rehearsal in made.values():
        if need.step in rehearsal.entries:
            return growing.need(rehearsal.step.id, ANSWERS.format(rehearsal.entries[need.step]))
    return ""
