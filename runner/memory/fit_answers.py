"""How many answers at one time fit, and what to say where not even one does. Pure.

Before tokens are counted, the longest prompt is known by its bytes alone, of which a token has at least one. So two
things are tried: prompts as long as they may be, by which the batch is chosen, and the shortest that there could be.
Only answers that do not fit even then are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runner.memory.choose import Budget, Remedy, answers_named, gigabytes, largest_that_fits, refusal_of_answers
from runner.memory.forecast import AnswerShape, Batch

MAX_BATCH = 64  # answers at one time
MAX_BATCH_TOKENS = 16384  # of their prompts and their own: 2.4 GB of keys and values in an 8B model
SHORTEST = 2  # tokens that any prompt has
EIGHTHS = range(7, 0, -1)  # fewer tokens that are tried for advice


@dataclass(frozen=True)
class AnswerTask:
    """Answers to prompts of at most `tokens` tokens. `asked` is the spec's batch size, None where it leaves it open."""

    tokens: int
    max_tokens: int
    rows: int
    asked: int | None
    place: str  # of the settings in the spec: evaluations.summary.generate
    shape: AnswerShape  # without batches


@dataclass(frozen=True)
class AnswerChoice:
    """What was chosen for some answers. `batch` is None where the engines' own bound on a batch's tokens is enough."""

    batch: int | None
    peak_bytes: int  # forecast
    reasons: tuple[str, ...]


def answers_of(shape: AnswerShape, *, rows: int, asked: int | None, place: str) -> AnswerTask:
    """Answers to `rows` prompts as long as the longest of them."""
    return AnswerTask(shape.tokens, shape.max_tokens, rows, asked, place, shape)


def batches_for(tokens: int, max_tokens: int, *, rows: int, asked: int | None) -> tuple[int, ...]:
    """Answers at one time in the order in which they are wanted: what the engines would take, then its halves."""
    most = min(MAX_BATCH, max(1, rows), asked or max(1, MAX_BATCH_TOKENS // max(1, tokens + max_tokens)))
    sizes = [most]
    while asked is None and sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // 2))
    return tuple(sizes)


def first_tries(answers: Mapping[str, AnswerTask]) -> dict[str, AnswerShape]:
    """What is traced of all: prompts as long as they may be."""
    return {
        name: replace(a.shape, batches=batches_for(a.tokens, a.max_tokens, rows=a.rows, asked=a.asked))
        for name, a in answers.items()
    }


def choose_batch(answers: AnswerTask, tried: Sequence[Batch], budget: Budget | None) -> AnswerChoice | None:
    """The first batch that fits; None where none does."""
    for batch in tried:
        peak = batch.peak.peak_bytes
        if budget is None or peak <= budget.fits_bytes:
            reasons = [_said("would need", b, answers, budget) for b in tried[: tried.index(batch)] if budget]
            small = batch.batch if batch is not tried[0] else answers.asked
            return AnswerChoice(small, peak, (*reasons, _said("needs", batch, answers, budget)))
    return None


def _said(verb: str, batch: Batch, answers: AnswerTask, budget: Budget | None) -> str:
    of = f"{answers_named(batch.batch, answers.shape)} at most"
    room = f"{gigabytes(budget.fits_bytes)} fit under {budget.reason}" if budget else "there is no limit"
    verb = verb.removesuffix("s") if batch.batch > 1 else verb
    return f"{of} {verb} {gigabytes(batch.peak.peak_bytes)} ({batch.peak.phase}): {room}"


def last_tries(answers: AnswerTask) -> dict[str, AnswerShape]:
    """What is traced where no batch fits: the shortest prompts, and for advice fewer at one time or shorter answers."""
    batch = batches_for(SHORTEST, answers.max_tokens, rows=answers.rows, asked=answers.asked)[0]
    lone = replace(answers.shape, batches=(batch if answers.asked else 1,), tokens=SHORTEST, grids=(), images=None)
    tries = {"shortest": lone}
    halves = batches_for(SHORTEST, answers.max_tokens, rows=lone.batches[0], asked=None)[1:]
    tries |= {f"batch {n}": replace(lone, batches=(n,)) for n in halves}
    for length in _shorter(answers.max_tokens):
        tries[f"tokens {length}"] = replace(lone, max_tokens=length)
    return tries


def _shorter(max_tokens: int) -> list[int]:
    return sorted({max(1, max_tokens * eighth // 8) for eighth in EIGHTHS}, reverse=True)


def refuse(
    step: str,
    answers: AnswerTask,
    tried: Sequence[Batch],
    more: Mapping[str, Sequence[Batch]],
    budget: Budget,
    *,
    weights_bytes: int,
) -> AnswerChoice:
    """The smallest batch all the same, where short prompts would fit: how long they are is not known yet.

    Raises:
        ResourceError: even the shortest prompts do not fit; it names the key to change and the largest value that fits.
    """
    shortest, least = more["shortest"][0], tried[-1]
    if shortest.peak.peak_bytes <= budget.fits_bytes:
        unsure = f"{gigabytes(budget.fits_bytes)} fit: whether the prompts do is known when their tokens are counted"
        batch = answers.asked or least.batch
        return AnswerChoice(batch, least.peak.peak_bytes, (_said("would need", least, answers, budget), unsure))
    peaks = {name: tries[0].peak.peak_bytes for name, tries in more.items()}
    remedies: list[Remedy | None] = []
    for what, key in (("batch", "batch_size"), ("tokens", "max_tokens")):
        by_value = {int(n.split()[1]): peak for n, peak in peaks.items() if n.startswith(what)}
        remedies.append(largest_that_fits(by_value, budget, f"{answers.place}.{key}"))
    shape = replace(answers.shape, tokens=SHORTEST)
    found = [r for r in remedies if r]
    raise refusal_of_answers(step, shape, shortest, budget, found, weights_bytes=weights_bytes)
