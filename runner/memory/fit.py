"""From the shapes of a model's steps to choices that fit, or to the error that says which edit would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.memory.choose import (
    Budget,
    Remedy,
    TuneChoice,
    budget_for,
    candidates_for,
    choose,
    largest_that_fits,
    refusal,
)
from runner.memory.fit_answers import AnswerChoice, AnswerTask, choose_batch, first_tries, last_tries, refuse
from runner.memory.forecast import AnswerShape, Candidate, Forecasts, RowShape, TuneShape, forecast
from runner.spec.model import LoraSpec, TrainSpec

EIGHTHS = range(7, 0, -1)  # shorter rows that are tried for advice


@dataclass(frozen=True)
class Fitted:
    """What was chosen for the steps of one model, by name."""

    tunes: dict[str, TuneChoice]
    answers: dict[str, AnswerChoice]  # those that can be forecast


@dataclass(frozen=True)
class _Model:
    """One model under one budget."""

    config: Mapping[str, Any]
    dtype: str
    budget: Budget | None
    environment: Mapping[str, str] | None

    def ask(self, tunes: Mapping[str, TuneShape], answers: Mapping[str, AnswerShape]) -> Forecasts:
        fits = None if self.budget is None else self.budget.fits_bytes
        return forecast(
            self.config,
            dtype=self.dtype,
            tunes=tunes,
            generations=answers,
            fits_bytes=fits,
            environment=self.environment,
        )


def fit(
    config: Mapping[str, Any],
    *,
    dtype: str,
    tunes: Mapping[str, TuneShape],
    answers: Mapping[str, AnswerTask],
    names: Mapping[str, str] | None = None,
    limit_bytes: int | None,
    machine_bytes: int | None,
    environment: Mapping[str, str] | None = None,
) -> Fitted:
    """Micro-batch and checkpointing of tunings and the batches of answers, from config.json before anything is loaded.

    All of them are traced in one child. `machine_bytes` is what the machine can give; `names` are the steps that errors
    name, by the shapes' names.

    Raises:
        ResourceError: a step fits in no way; it names the prediction, the key to change and the largest value.
        InvalidError, StepError: as `forecast`.
    """
    model = _Model(config, dtype, budget_for(limit_bytes, machine_bytes), environment)
    first = {n: replace(s, candidates=s.candidates[:1]) if model.budget is None else s for n, s in tunes.items()}
    found = model.ask(first, first_tries(answers))
    steps = names or {}
    chosen: dict[str, TuneChoice] = {}
    for name, candidates in found.tunes.items():
        choice = choose(candidates, model.budget)
        chosen[name] = choice or _refuse(steps.get(name, name), tunes[name], candidates, model, found.load.peak_bytes)
    batches: dict[str, AnswerChoice] = {}
    for name, tried in found.generations.items():
        asked = answers[name]
        made = choose_batch(asked, tried, model.budget)
        if made is None:
            assert model.budget is not None  # without one the first batch is taken
            more = model.ask({}, last_tries(asked))
            step, weights = steps.get(name, name), found.load.peak_bytes
            made = refuse(step, asked, tried, more.generations, model.budget, weights_bytes=weights)
        batches[name] = made
    return Fitted(chosen, batches)


def tune_shape(
    lora: LoraSpec,
    train: TrainSpec,
    rows: Sequence[RowShape],
    *,
    images: int | None = None,
    whole: bool = False,
) -> TuneShape:
    """A tuning with all ways to run it that the spec leaves open. `rows` need only hold the longest ones, as many as
    a batch has; `images` and `whole` are `TuneShape`'s."""
    return TuneShape(lora, train, tuple(rows), (), candidates_for(train), images, whole)


def _refuse(step: str, shape: TuneShape, candidates: Sequence[Candidate], model: _Model, weights: int) -> TuneChoice:
    assert model.budget is not None  # without one the first candidate is taken
    least = min(candidates, key=lambda c: c.peak.peak_bytes)
    remedies = [] if weights > model.budget.fits_bytes else _remedies(shape, least, model)
    raise refusal(step, candidates, model.budget, remedies, weights_bytes=weights)


def _remedies(shape: TuneShape, least: Candidate, model: _Model) -> list[Remedy]:
    """Edits that would fit, the least intrusive first: what the spec fixed, then shorter rows."""
    assert model.budget is not None
    budget, tries = model.budget, dict[str, TuneShape]()
    if shape.train.grad_checkpoint is False:
        tries["train.grad_checkpoint"] = replace(shape, candidates=((least.micro_batch, True),))
    if least.micro_batch > 1:
        tries["train.micro_batch"] = replace(shape, candidates=((1, least.grad_checkpoint),))
    longest = max(row.tokens for row in shape.rows)
    lengths = sorted({max(2, longest * eighth // 8) for eighth in EIGHTHS}, reverse=True)
    lone = (least.micro_batch, least.grad_checkpoint)
    for length in lengths:
        rows = tuple(_cut(row, length) for row in shape.rows)
        tries[f"length {length}"] = replace(shape, rows=rows, candidates=(lone,))
    peaks = {name: candidates[0].peak.peak_bytes for name, candidates in model.ask(tries, {}).tunes.items()}
    found = [
        Remedy(key, value, peaks[key])
        for key, value in (("train.grad_checkpoint", "true"), ("train.micro_batch", "1"))
        if key in peaks and peaks[key] <= budget.fits_bytes
    ]
    by_length = {length: peaks[f"length {length}"] for length in lengths}
    shorter = largest_that_fits(by_length, budget, "train.max_seq_length")
    return [*found, shorter] if shorter else found


def _cut(row: RowShape, length: int) -> RowShape:
    return replace(row, tokens=min(row.tokens, length), labels=min(row.labels, length - 1))
