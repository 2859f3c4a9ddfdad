"""`forecast/<model>`: the steps that forecast memory for the prompts and rows that there really are, once counted.

The plan's own figures are for bounds: `max_seq_length` for rows, bytes for prompts. These stand beside them, in the
plan and in the record; no step reads them. They load a tokenizer, no weights, and run before any weights are loaded.
The rows of a tuning that hold another model's answers are forecast when those are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.canonical import canonical_json, plain
from runner.plan.asked import Asked, AskedBy, asked_by
from runner.plan.model import Need, Source, Step
from runner.plan.names import forecast_id, kind_of, name_of
from runner.plan.rehearsal import OF_LENGTH
from runner.samples.lengths import FILE as LENGTHS

NEEDED_BYTES = 10**9  # a trace itself takes some hundred MB; under a lower limit no model of use can be tuned anyway
KIND = "forecast"
NO_MATTER = frozenset(OF_LENGTH) - {"best"}  # to memory


@dataclass(frozen=True)
class Place:
    """Where the forecast of a step stands: in the output of another, among its tunes or its answers."""

    step: str
    part: str  # tunes | answers
    name: str


def with_forecasts(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with the forecasts of each model's; a rehearsal waits for its model's."""
    made: dict[str, Step] = {}
    for model in dict.fromkeys(s.group for s in steps if s.kind in ("generate", "tune")):
        for step in _forecasts(model, steps):
            made[step.id] = step
    waiting = (replace(s, after=(*s.after, forecast_id(s.group))) if s.kind == "rehearse" else s for s in steps)
    return (*waiting, *made.values())


def places_of(steps: Sequence[Step]) -> dict[str, Place]:
    """Step id → where its forecast stands."""
    found: dict[str, Place] = {}
    for model, asked in _asked(steps).items():
        for number, by in enumerate(asked.values()):
            found |= {name: Place(forecast_id(model), "answers", str(number)) for name in by.steps}
    for step in (s for s in steps if s.kind == "tune"):
        name = name_of(step.id)
        where = forecast_id(step.group, name if _is_fed(step) else "")
        found[step.id] = Place(where, "tunes", name)
    return found


def _asked(steps: Sequence[Step]) -> dict[str, dict[Asked, AskedBy]]:
    """Model → what is asked of it, in an order that is not the steps'. Where the spec asks it does not matter here."""
    found: dict[str, dict[Asked, AskedBy]] = {}
    for asked, by in asked_by(steps).items():
        of_model = found.setdefault(asked.model, {})
        same = replace(asked, place="")
        known = of_model.get(same, AskedBy((), None))
        of_model[same] = known.joined(by)
    return {m: dict(sorted(of.items(), key=lambda pair: canonical_json(plain(pair[0])))) for m, of in found.items()}


def _is_fed(step: Step) -> bool:
    """Whether a tuning's rows hold another model's answers."""
    return any(n.role.startswith("train.") for n in step.needs)


def _forecasts(model: str, steps: Sequence[Step]) -> list[Step]:
    asked = _asked(steps).get(model, {})
    needs: dict[tuple[str, str], str] = {}

    def need(step: str, file: str) -> str:
        return needs.setdefault((step, file), f"input.{len(needs)}")

    answers = [_answer(a, by, need(a.step, a.file)) for a, by in asked.items()]
    tuned = [s for s in steps if s.group == model and s.kind == "tune"]
    counted = {s.id: next(n for n in s.after if kind_of(n) == "lengths") for s in tuned}
    own = [_tuning(s, need(counted[s.id], LENGTHS)) for s in tuned if not _is_fed(s)]
    dtype = next(s for s in steps if s.group == model).params["dtype"]
    made = [_step(forecast_id(model), model, dtype, answers, own, needs)]
    for step in filter(_is_fed, tuned):
        alone = {(counted[step.id], LENGTHS): "input.0"}
        name = forecast_id(model, name_of(step.id))
        made.append(_step(name, model, dtype, [], [_tuning(step, "input.0")], alone))
    return made


def _answer(asked: Asked, by: AskedBy, role: str) -> dict[str, Any]:
    kept: dict[str, Any] = plain(asked)
    kept = {k: v for k, v in kept.items() if k not in ("model", "dtype", "step", "file", "place")}
    return {**kept, "inputs": role, "lora": by.lora}


def _tuning(step: Step, role: str) -> dict[str, Any]:
    settings = {k: v for k, v in step.params["train"].items() if k not in NO_MATTER}
    name = name_of(step.id)
    return {"id": name, "lengths": role, "lora": step.params["lora"], "settings": settings}


def _step(
    name: str,
    model: str,
    dtype: str,
    answers: list[dict[str, Any]],
    tunes: list[dict[str, Any]],
    needs: Mapping[tuple[str, str], str],
) -> Step:
    return Step(
        id=name,
        kind=KIND,
        params={"dtype": dtype, "answers": answers, "tunes": tunes},
        needs=tuple(Need(role, step, file) for (step, file), role in needs.items()),
        sources=(Source("model", "checkpoint", model),),
        title=f"forecast the memory of {model}'s steps",
        origins=(("models", model),),
    )
