"""From a tuning's shape to a choice that fits, or to the error that says which edit would: asks the tracing child."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from runner.memory.choose import (
    Budget,
    Choice,
    Remedy,
    budget_for,
    candidates_for,
    choose,
    largest_that_fits,
    refusal,
)
from runner.memory.forecast import Candidate, Forecasts, RowShape, TuneShape, forecast
from runner.spec.model import LoraSpec, TrainSpec

EIGHTHS = range(7, 0, -1)  # shorter rows that are tried for advice


def fit_tune(
    step: str,
    config: Mapping[str, Any],
    *,
    dtype: str,
    lora: LoraSpec,
    train: TrainSpec,
    rows: Sequence[RowShape],
    valid: Sequence[RowShape] = (),
    limit_bytes: int | None,
    machine_bytes: int | None,
    images: int | None = None,
    whole: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Choice:
    """Micro-batch and checkpointing for one tuning, decided from config.json before anything is loaded.

    `rows` need only hold the longest ones, as many as a batch has; `images` and `whole` are
    `TuneShape`'s; `machine_bytes` is what the machine can give.

    Raises:
        ResourceError: nothing fits; it names the prediction, the key to change and the largest value that fits.
        InvalidError, StepError: as `forecast`.
    """
    budget = budget_for(limit_bytes, machine_bytes)
    shape = TuneShape(lora, train, tuple(rows), tuple(valid), candidates_for(train), images, whole)
    fits = None if budget is None else budget.fits_bytes
    first = replace(shape, candidates=shape.candidates[:1]) if budget is None else shape

    def ask(tunes: Mapping[str, TuneShape]) -> Forecasts:
        return forecast(config, dtype=dtype, tunes=tunes, generations={}, fits_bytes=fits, environment=environment)

    found = ask({step: first})
    choice = choose(found.tunes[step], budget)
    if choice is not None:
        return choice
    assert budget is not None  # without one the first candidate is taken
    least = min(found.tunes[step], key=lambda c: c.peak.peak_bytes)
    weights = found.load.peak_bytes
    remedies = [] if weights > budget.fits_bytes else _remedies(shape, least, budget, ask)
    raise refusal(step, found.tunes[step], budget, remedies, weights_bytes=weights)


def _remedies(shape: TuneShape, least: Candidate, budget: Budget, ask: Any) -> list[Remedy]:
    """Edits that would fit, the least intrusive first: what the spec fixed, then shorter rows."""
    tries: dict[str, TuneShape] = {}
    if shape.train.grad_checkpoint is False:
        tries["train.grad_checkpoint"] = replace(shape, candidates=((least.micro_batch, True),))
    if least.micro_batch > 1:
        tries["train.micro_batch"] = replace(shape, candidates=((1, least.grad_checkpoint),))
    longest = max(row.tokens for row in shape.rows)
    lengths = sorted({max(2, longest * eighth // 8) for eighth in EIGHTHS}, reverse=True)
    lone = (least.micro_batch, least.grad_checkpoint)
    for length in lengths:
        rows, valid = (tuple(_cut(row, length) for row in part) for part in (shape.rows, shape.valid))
        tries[f"length {length}"] = replace(shape, rows=rows, valid=valid, candidates=(lone,))
    peaks = {name: candidates[0].peak.peak_bytes for name, candidates in ask(tries).tunes.items()}
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
