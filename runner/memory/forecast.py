"""Asking for a memory forecast: a child process traces the real graph, and answers in values.

The child is the only part that loads the MLX packages; this side knows its JSON alone (runner.engines.memory_trace).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.canonical import plain
from runner.errors import InvalidError, StepError
from runner.memory.model import Forecast
from runner.spec.model import LoraSpec, TrainSpec

PROGRAM = "runner.engines.memory_trace"
TIMEOUT = 1800.0  # seconds; a trace takes some seconds a candidate


@dataclass(frozen=True)
class RowShape:
    """One row as far as memory is concerned."""

    tokens: int
    labels: int  # supervised ones, the last of them
    grids: tuple[tuple[int, int, int], ...] = ()  # (frames, height, width) of each image in patches


@dataclass(frozen=True)
class TuneShape:
    """One tuning as far as memory is concerned. `candidates` are (micro_batch, grad_checkpoint), the best first."""

    lora: LoraSpec
    train: TrainSpec
    rows: tuple[RowShape, ...]
    valid: tuple[RowShape, ...]
    candidates: tuple[tuple[int, bool], ...]
    images: int | None = None  # of the whole data set, whose features are kept; None is those of the rows
    whole: bool = False  # the rows stand for many more, which frozen layers may keep too
    shared: int = 0  # leading tokens of all rows that are computed once a micro-batch; 0: they share nothing


@dataclass(frozen=True)
class AnswerShape:
    """Answers to equally long prompts as far as memory is concerned."""

    batches: tuple[int, ...]  # answers at one time, the best first
    tokens: int  # of the longest prompt
    max_tokens: int
    grids: tuple[tuple[int, int, int], ...] = ()
    images: int | None = None  # of the whole data set, whose features are kept; None is those of one prompt
    lora: LoraSpec | None = None  # of the adapter that answers
    pack: bool = True  # prompts are read side by side, where the model can be walked


@dataclass(frozen=True)
class Phased:
    """One way to run a step, with its forecasts by phase."""

    forecasts: tuple[Forecast, ...]

    @property
    def peak(self) -> Forecast:
        """The phase that needs the most."""
        return max(self.forecasts, key=lambda f: f.peak_bytes)


@dataclass(frozen=True, kw_only=True)
class Candidate(Phased):
    """One way to run a tuning."""

    micro_batch: int
    grad_checkpoint: bool


@dataclass(frozen=True, kw_only=True)
class Batch(Phased):
    """So many answers at one time."""

    batch: int


@dataclass(frozen=True)
class Forecasts:
    """What the trace answered. Generations of a model whose cache it can't follow are left out."""

    load: Forecast
    tunes: dict[str, tuple[Candidate, ...]]
    generations: dict[str, tuple[Batch, ...]]


def forecast(
    config: Mapping[str, Any],
    *,
    dtype: str,
    tunes: Mapping[str, TuneShape],
    generations: Mapping[str, AnswerShape],
    fits_bytes: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Forecasts:
    """Forecasts of one model's steps from its config.json alone; nothing is loaded.

    Candidates and batches are tried in order until one stays under `fits_bytes`. `environment` are variables for the
    child (see machine.blas.child_environment).

    Raises:
        InvalidError: the packages can't build this architecture, or it has no forecast.
        StepError: the child failed.
    """
    return read_answer(ask(request_of(config, dtype, tunes, generations, fits_bytes), environment=environment))


def request_of(
    config: Mapping[str, Any],
    dtype: str,
    tunes: Mapping[str, TuneShape],
    generations: Mapping[str, AnswerShape],
    fits_bytes: int | None = None,
) -> dict[str, Any]:
    """What the trace is asked, as plain data."""
    return {
        "config": dict(config),
        "dtype": dtype,
        "tunes": {name: _asked(shape, fits_bytes) for name, shape in tunes.items()},
        "generations": {name: _asked(shape, fits_bytes) for name, shape in generations.items()},
    }


def read_answer(answer: Mapping[str, Any]) -> Forecasts:
    """What the trace answered, as values."""
    return Forecasts(
        load=_forecast("load", answer["load"]),
        tunes={name: tuple(_candidate(found) for found in tried) for name, tried in answer["tunes"].items()},
        generations={name: tuple(_batch(found) for found in tried) for name, tried in answer["generations"].items()},
    )


def _asked(shape: TuneShape | AnswerShape, fits_bytes: int | None) -> dict[str, Any]:
    values: dict[str, Any] = plain(shape)
    return values if fits_bytes is None else values | {"fits_bytes": fits_bytes}


def ask(request: Mapping[str, Any], *, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The child's answer to a request (see runner.engines.memory_trace).

    Raises:
        InvalidError, StepError: as `forecast`.
    """
    done = subprocess.run(
        [sys.executable, "-m", PROGRAM],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise StepError(f"the memory forecast failed: {last[0]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "error" in answer:
        raise InvalidError(f"memory can't be forecast: {answer['error']}")
    return answer


def _candidate(found: Mapping[str, Any]) -> Candidate:
    micro, recompute = int(found["micro_batch"]), bool(found["grad_checkpoint"])
    return Candidate(_forecasts(found), micro_batch=micro, grad_checkpoint=recompute)


def _batch(found: Mapping[str, Any]) -> Batch:
    return Batch(_forecasts(found), batch=int(found["batch"]))


def _forecasts(found: Mapping[str, Any]) -> tuple[Forecast, ...]:
    return tuple(_forecast(phase, value) for phase, value in found["phases"].items())


def _forecast(phase: str, found: Mapping[str, Any]) -> Forecast:
    return Forecast(phase, int(found["peak_bytes"]))
