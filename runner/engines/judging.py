"""Judging an adapter while it is trained: greedy answers to the valid rows, scored by the metric that chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runner.engines.protocol import GenerateRequest, GenerateResult, TuneRequest
from runner.metrics.measure import measure
from runner.metrics.table import METRICS
from runner.spec.model import GenerateSpec

BY_LOSS = ("last", "loss")  # ways to choose that ask for no answers
ROOM = 2  # an answer may be so many times as long as the longest reference


@dataclass(frozen=True)
class Judgement:
    """What an adapter is chosen by. `cost` is to be small: the loss, or a metric in its own direction."""

    cost: float
    score: float | None = None  # the metric's value; None where the loss decides


class Answers(Protocol):
    """An engine's way to answer with the model as it is, LoRA layers and all; draws nothing where it is greedy."""

    def __call__(self, request: GenerateRequest) -> GenerateResult: ...


def judge_of(request: TuneRequest, answers: Answers, longest: int) -> Callable[[float], Judgement]:
    """From the validation loss to what decides. `longest` is the valid rows' most answer tokens.

    As many prompts are answered at a time as a micro-batch has rows, so that no more memory is taken than training
    needs.
    """
    name = request.train_spec.best
    if name in BY_LOSS or not request.valid:
        return Judgement
    # read by the package's own call: what chose an adapter once chooses the same one again
    settings = GenerateSpec(max_tokens=ROOM * longest, batch_size=request.micro_batch, temperature=0.0, pack=False)
    asked = GenerateRequest(request.valid, None, settings, request.seed, request.stream, request.root)
    sign = -1.0 if METRICS[name].direction == "higher" else 1.0

    def judge(loss: float) -> Judgement:
        score = measure(name, {}, request.valid, answers(asked).completions).value
        return Judgement(sign * score, score)

    return judge
