"""The memory forecasts for a campaign's own rows and prompts, out of what its forecast steps have left.

The plan chooses by bounds (`max_seq_length`, bytes of prompts), so that a choice depends on nothing that is cached.
These figures stand beside those and decide nothing but whether answers that can't fit are begun.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import files
from runner.errors import LorarunError, ResourceError
from runner.machine.memory import given_bytes
from runner.memory.choose import Budget, budget_for, gigabytes
from runner.plan.forecasts import Place, places_of
from runner.plan.model import Plan, Step
from runner.plan.names import FORECAST
from runner.store.artifacts import Artifacts

Output = Callable[[str, str], Path | None]  # (step id, file) → where it lies, None where the step is not finished


@dataclass(frozen=True)
class Counted:
    """What one step needs with its own rows or prompts."""

    peak_bytes: int
    tokens: int  # of the longest row or prompt
    batch: int | None = None  # answers at one time

    @property
    def said(self) -> str:
        """In words."""
        if self.batch is None:
            return f"with its own rows, of {self.tokens:,} tokens at most: {gigabytes(self.peak_bytes)}"
        prompts = "1 prompt" if self.batch == 1 else f"{self.batch} prompts"
        return f"with its own prompts, {prompts} of {self.tokens:,} tokens at most: {gigabytes(self.peak_bytes)}"


class RealRows:
    """The forecasts of a campaign's steps. `steps` are all of them, whatever is to run."""

    def __init__(self, steps: Sequence[Step], output: Output) -> None:
        self._places = places_of(steps)
        self._output = output

    def of(self, step: Step) -> Counted | None:
        """What `step` needs; None where its rows are not counted, or it can't be forecast."""
        place = self._places.get(step.id)
        path = self._output(place.step, FORECAST) if place else None
        if place is None or path is None:
            return None
        try:
            return _counted(files.read_json(path), place)
        except LorarunError:  # a damaged output is told of where it is used
            return None

    def check(self, step: Step, limit_bytes: int | None) -> None:
        """Answers that can't fit are not begun: no weights are loaded for them.

        Raises:
            ResourceError: with the key to change.
        """
        found = self.of(step) if step.kind == "generate" else None
        budget = budget_for(limit_bytes, given_bytes()) if limit_bytes else None
        if found is None or budget is None or found.peak_bytes <= budget.fits_bytes:
            return
        room = f"the {gigabytes(budget.fits_bytes)} that fit under {budget.reason}"
        message = f"{step.id}: predicted peak {found.said}, over {room}, {gigabytes(budget.reserve_bytes)} aside"
        raise ResourceError(message, help=_remedy(step, found, budget))


def _remedy(step: Step, found: Counted, budget: Budget) -> str:
    place = ".".join(str(part) for part in step.origins[0]) if step.origins and all(step.origins[0]) else "generate"
    if found.batch is not None and found.batch > 1:
        fewer = max(1, min(found.batch - 1, found.batch * budget.fits_bytes // found.peak_bytes))
        return f"write `{place}.batch_size: {fewer}`, or raise `limits.memory`"
    return f"shorten the prompts, lower `{place}.max_tokens`, or raise `limits.memory`"


def _counted(value: Any, place: Place) -> Counted | None:
    part = value.get(place.part) if isinstance(value, dict) else None
    figures = part.get(place.name) if isinstance(part, dict) else None
    if not isinstance(figures, dict):
        return None
    peak, tokens, batch = (figures.get(name) for name in ("peak_bytes", "tokens", "batch"))
    if not isinstance(peak, int) or not isinstance(tokens, int):
        return None
    return Counted(peak, tokens, batch if isinstance(batch, int) else None)


def of_plan(whole: Sequence[Step], plan: Plan, artifacts: Artifacts) -> RealRows:
    """The forecasts that finished steps have left for what is planned."""
    cached = {s.step.id: s.key for s in plan.steps if s.action == "cached"}

    def output(step: str, file: str) -> Path | None:
        return artifacts.place(cached[step]) / file if step in cached else None

    return RealRows(whole, output)
