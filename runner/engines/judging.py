"""Judging an adapter while it is trained: greedy answers to the valid rows, scored by the metric that chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from runner.engines.protocol import GenerateRequest, GenerateResult, OnEvent, ShouldShrink, ShouldStop, TuneRequest
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

    def __call__(
        self, request: GenerateRequest, *, on_event: OnEvent, should_stop: ShouldStop, should_shrink: ShouldShrink
    ) -> GenerateResult: ...


class Judge(Protocol):
    """From the validation loss to what decides.

    Raises:
        InterruptedRunError: `should_stop` said so; nothing is decided.
    """

    def __call__(
        self, loss: float, *, on_event: OnEvent, should_stop: ShouldStop, should_shrink: ShouldShrink
    ) -> Judgement: ...


def by_loss(loss: float, *, on_event: OnEvent, should_stop: ShouldStop, should_shrink: ShouldShrink) -> Judgement:
    """The `Judge` that asks for no answers."""
    return Judgement(loss)


def judge_of(request: TuneRequest, answers: Answers, longest: int) -> Judge:
    """What the spec chooses by. `longest` is the valid rows' most answer tokens.

    As many prompts are answered at a time as a micro-batch has rows, so that no more memory is taken than training
    needs.
    """
    name = request.train_spec.best
    if name in BY_LOSS or not request.valid:
        return by_loss
    # read by the package's own call: what chose an adapter once chooses the same one again
    settings = GenerateSpec(max_tokens=ROOM * longest, batch_size=request.micro_batch, temperature=0.0, pack=False)
    asked = GenerateRequest(request.valid, None, settings, request.seed, request.stream, request.root)
    sign = -1.0 if METRICS[name].direction == "higher" else 1.0

    def judge(loss: float, *, on_event: OnEvent, should_stop: ShouldStop, should_shrink: ShouldShrink) -> Judgement:
        made = answers(asked, on_event=on_event, should_stop=should_stop, should_shrink=should_shrink)
        score = measure(name, {}, request.valid, made.completions).value
        return Judgement(sign * score, score)

    return judge
