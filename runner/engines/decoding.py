"""Batched generation over any decoder: which prompts go together, choosing tokens, stopping, repeats.

Every answer depends on its own prompt and its own random stream, never on its neighbours in a batch.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from signal import SIGTERM
from typing import Protocol

import mlx.core as mx
import numpy as np

from runner.engines.protocol import ShouldStop
from runner.engines.randomness import generator
from runner.engines.rows import Prompt
from runner.errors import InterruptedRunError
from runner.memory.fit_answers import MAX_BATCH, MAX_BATCH_TOKENS
from runner.samples.sample import Completion


class Decoder(Protocol):
    """A model that reads prompts and goes on token by token, with a cache of its own for each batch."""

    max_batch: int

    def share(self, prompts: Sequence[Prompt]) -> int:
        """Told of all prompts before the first batch; how many leading tokens of theirs are read once for all."""

    def group(self, prompt: Prompt) -> Hashable:
        """Prompts of unequal groups never share a batch."""

    def start(self, prompts: Sequence[Prompt], room: int) -> mx.array:
        """Read the prompts, shortest first, with space for `room` more tokens; logits of the first answer token [batch,
        vocabulary]."""

    def next(self, tokens: mx.array) -> mx.array:
        """Take one token a row [batch]; logits of the one after it."""

    def keep(self, rows: list[int]) -> None:
        """Go on with these rows of the batch only."""


@dataclass(frozen=True)
class Job:
    """One answer to make."""

    sample_id: str
    prompt: Prompt
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    run: int = 0
    kind: str = "main"


@dataclass
class _Running:
    job: Job
    uniforms: np.ndarray
    tokens: list[int] = field(default_factory=list)
    finish_reason: str = "length"


def plan_batches(jobs: Sequence[Job], decoder: Decoder, batch_size: int | None) -> list[list[Job]]:
    """Jobs in batches: alike in group and length, so that little is padded and all stop at about the same time."""
    ordered = sorted(jobs, key=lambda j: (repr(decoder.group(j.prompt)), len(j.prompt.tokens), j.sample_id, j.run))
    batches: list[list[Job]] = []
    for job in ordered:
        last = batches[-1] if batches else []
        width = len(job.prompt.tokens) + job.max_tokens
        limit = min(decoder.max_batch, batch_size or max(1, min(MAX_BATCH, MAX_BATCH_TOKENS // max(1, width))))
        if not last or len(last) >= limit or decoder.group(last[0].prompt) != decoder.group(job.prompt):
            batches.append([job])
        else:
            last.append(job)
    return batches


def answer_batch(
    jobs: Sequence[Job],
    decoder: Decoder,
    end_tokens: frozenset[int],
    *,
    seed: int,
    stream: str,
    should_stop: ShouldStop = lambda: False,
) -> list[tuple[Job, list[int], str]]:
    """Tokens and finish reason of each job. The end token is not among the tokens.

    Raises:
        InterruptedRunError: `should_stop` said so; what this batch had so far is lost.
    """
    running = [_Running(job, _uniforms(job, seed, stream)) for job in jobs]
    done: list[_Running] = []
    logits = decoder.start([job.prompt for job in jobs], max(job.max_tokens for job in jobs))
    while True:
        if should_stop():
            raise InterruptedRunError("stopped while answering", signal=SIGTERM)
        chosen = _choose(logits, running)
        keep: list[int] = []
        for i, (state, token) in enumerate(zip(running, chosen, strict=True)):
            if token in end_tokens:
                state.finish_reason = "stop"
            else:
                state.tokens.append(token)
            if state.finish_reason != "stop" and len(state.tokens) < state.job.max_tokens:
                keep.append(i)
            else:
                done.append(state)
        if not keep:
            break
        if len(keep) < len(running):
            decoder.keep(keep)
            running = [running[i] for i in keep]
            chosen = [chosen[i] for i in keep]
        logits = decoder.next(mx.array(chosen))
    return [(state.job, state.tokens, state.finish_reason) for state in done]


def completion(job: Job, text: str, tokens: Sequence[int], finish_reason: str) -> Completion:
    """The value that steps and metrics see; text is NFC."""
    return Completion(
        sample_id=job.sample_id,
        text=unicodedata.normalize("NFC", text),
        tokens=len(tokens),
        finish_reason=finish_reason,
        prompt_tokens=len(job.prompt.tokens),
        run=job.run,
        kind=job.kind,
    )


def _uniforms(job: Job, seed: int, stream: str) -> np.ndarray:
    if job.temperature <= 0:
        return np.empty(0)
    # a repeat for determinism asks for the very same answer
    run = 0 if job.kind == "greedy" else job.run
    return generator(seed, stream, "sampling", run, job.sample_id).random(job.max_tokens)


def _choose(logits: mx.array, running: Sequence[_Running]) -> list[int]:
    """Greedy, or by inverting the cumulative distribution at the row's own uniform number."""
    if all(state.job.temperature <= 0 for state in running):
        return [int(t) for t in mx.argmax(logits, axis=-1).tolist()]
    rows = np.array(logits.astype(mx.float32))
    return [_draw(row, state) for row, state in zip(rows, running, strict=True)]


def _draw(logits: np.ndarray, state: _Running) -> int:
    job = state.job
    if job.temperature <= 0:
        return int(np.argmax(logits))
    scaled = logits.astype(np.float64) / job.temperature
    weights = np.exp(scaled - scaled.max())
    order = np.argsort(-weights, kind="stable")
    cumulative = np.cumsum(weights[order] / weights.sum())
    # nucleus sampling (Holtzman et al. 2020): the smallest set of likeliest tokens that reaches top_p
    count = min(len(order), int(np.searchsorted(cumulative, job.top_p - 1e-12)) + 1)
    place = int(np.searchsorted(cumulative[:count], state.uniforms[len(state.tokens)] * cumulative[count - 1], "right"))
    return int(order[min(place, count - 1)])
