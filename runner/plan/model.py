"""`Step` and `Plan`: what a campaign does, in order, and why each step runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Need:
    """One input of a step: an output file of another step."""

    role: str  # samples, completions, adapter, …
    step: str
    file: str


@dataclass(frozen=True)
class Source:
    """One input of a step from the project: a checkpoint or a data set, known by its digest."""

    role: str  # model, dataset
    kind: str  # checkpoint | dataset
    id: str  # its id in the spec


@dataclass(frozen=True)
class Step:
    """One unit of work. All that it reads of the spec is `params` (plain JSON data), so its key holds all of it."""

    id: str  # "tune/qwen-lora"
    kind: str  # one of `plan.kinds`
    params: dict[str, Any]
    needs: tuple[Need, ...] = ()
    sources: tuple[Source, ...] = ()
    group: str = ""  # the model whose process runs it; "" needs no model
    title: str = ""
    origins: tuple[tuple[str | int, ...], ...] = ()  # places in the spec that `params` were read from, nearest first
    after: tuple[str, ...] = ()  # steps that have to be done first, although none of their outputs is read
    notes: tuple[str, ...] = ()  # why `params` are as they are, where the spec left it open; no part of the key
    forecast_bytes: int | None = None
    paths: tuple[tuple[str, str], ...] = ()  # fast path → "on" or "off: …"; the key holds on and off only


@dataclass(frozen=True)
class Reason:
    """Why a step runs.

    `code` is one of first, forced, spec, input, code, environment, upstream, output-missing, output-corrupt,
    incomplete; of a rehearsal that is not held because nothing waits for it, unneeded.
    """

    code: str
    text: str
    location: str = ""  # specs/ticket019.yaml:12


@dataclass(frozen=True)
class PlannedStep:
    step: Step
    action: str  # run | cached | upstream (its key is known when its parents have run)
    key: str = ""
    reasons: tuple[Reason, ...] = ()
    cached_as: str = ""  # the step id under which the same key was made, where it is another


@dataclass(frozen=True)
class Plan:
    campaign: str
    spec_path: str
    steps: tuple[PlannedStep, ...]
    recipe_digest: str
    policy_digest: str

    @property
    def to_run(self) -> tuple[PlannedStep, ...]:
        """The steps that are not cached."""
        return tuple(s for s in self.steps if s.action != "cached")
