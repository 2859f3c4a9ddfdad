"""Which micro-batch and checkpointing fit under the memory limit. Pure: the same forecasts give the same choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.errors import ResourceError
from runner.memory.forecast import AnswerShape, Batch, Candidate
from runner.memory.lines import lines_under
from runner.memory.model import Forecast
from runner.spec.model import TrainSpec

GIGABYTE = 10**9
RUNTIME_BYTES = 600_000_000  # Python, the packages and the driver, which MLX does not count
CACHE_BYTES = 512 * 2**20  # MLX's buffer cache, whose limit the engines set
FORECAST_ERROR = 0.03  # of the line
STEP_BYTES = 10**8  # of limits that are advised
_SMALLER = "take a smaller or more quantized model"


@dataclass(frozen=True)
class Budget:
    """What a forecast must stay under, and why."""

    line_bytes: int  # the lower of the limit and what the machine has
    reserve_bytes: int  # for what a forecast does not count: runtime, cache, the guard's margin, its own error
    reason: str
    limited: bool = True  # by `limits.memory`, else by the machine

    @property
    def fits_bytes(self) -> int:
        """The most that may be forecast."""
        return max(0, self.line_bytes - self.reserve_bytes)


@dataclass(frozen=True)
class TuneChoice:
    """What was chosen for one tuning."""

    micro_batch: int
    grad_checkpoint: bool
    peak_bytes: int  # forecast
    budget: Budget | None
    reasons: tuple[str, ...]


def budget_for(limit_bytes: int | None, machine_bytes: int | None) -> Budget | None:
    """The budget under `limits.memory` and what the machine can give; None where neither is known."""
    known = [n for n in (limit_bytes, machine_bytes) if n is not None]
    if not known:
        return None
    line = min(known)
    lines = lines_under(line)
    reserve = RUNTIME_BYTES + CACHE_BYTES + (line - lines.kill_bytes) + int(FORECAST_ERROR * line)
    limited = limit_bytes is not None and limit_bytes == line
    reason = f"the limit of {gigabytes(line)}" if limited else f"the {gigabytes(line)} that this machine can give"
    return Budget(line, reserve, reason, limited)


def candidates_for(train: TrainSpec) -> tuple[tuple[int, bool], ...]:
    """(micro_batch, grad_checkpoint) in the order in which they are wanted: the largest micro-batch, then the cheapest
    checkpointing. What the spec fixes is not varied."""
    sizes = [train.micro_batch] if train.micro_batch is not None else _halves(train.batch_size)
    ways = [train.grad_checkpoint] if train.grad_checkpoint is not None else [False, True]
    return tuple((size, way) for size in sizes for way in ways)


def _halves(batch_size: int) -> list[int]:
    """The batch size and its halves, rounded up, down to 1."""
    sizes = [batch_size]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // 2))
    return sizes


def choose(candidates: Sequence[Candidate], budget: Budget | None) -> TuneChoice | None:
    """The first candidate that fits; None where none does. Without a budget the first fits."""
    for candidate in candidates:
        peak = candidate.peak.peak_bytes
        if budget is None or peak <= budget.fits_bytes:
            before = candidates[: candidates.index(candidate)]
            reasons = (*_refusals(before, budget), _acceptance(candidate, budget))
            return TuneChoice(candidate.micro_batch, candidate.grad_checkpoint, peak, budget, reasons)
    return None


def _refusals(candidates: Sequence[Candidate], budget: Budget | None) -> list[str]:
    if budget is None:
        return []
    return [
        f"{_named(c)} would need {gigabytes(c.peak.peak_bytes)} ({c.peak.phase}), {gigabytes(budget.fits_bytes)} fit"
        for c in candidates
    ]


def _acceptance(candidate: Candidate, budget: Budget | None) -> str:
    need = f"{_named(candidate)} needs {gigabytes(candidate.peak.peak_bytes)} ({candidate.peak.phase})"
    if budget is None:
        return f"{need}; there is no limit"
    return f"{need}: {gigabytes(budget.fits_bytes)} fit under {budget.reason}, {gigabytes(budget.reserve_bytes)} aside"


def _named(candidate: Candidate) -> str:
    way = "with" if candidate.grad_checkpoint else "without"
    return f"micro-batch {candidate.micro_batch} {way} checkpointing"


@dataclass(frozen=True)
class Remedy:
    """An edit of the spec that would fit."""

    key: str  # train.max_seq_length
    value: str
    peak_bytes: int


def refusal(
    step: str, candidates: Sequence[Candidate], budget: Budget, remedies: Sequence[Remedy], *, weights_bytes: int
) -> ResourceError:
    """The error for a tuning of which no candidate fits: what was predicted, and which edit would fit (exit 10)."""
    least = min(candidates, key=lambda c: c.peak.peak_bytes)
    last = "tune fewer layers (`lora.num_layers`)"
    return _refused(step, _named(least), least.peak, budget, remedies, last, weights_bytes=weights_bytes)


def refusal_of_answers(
    step: str, shape: AnswerShape, least: Batch, budget: Budget, remedies: Sequence[Remedy], *, weights_bytes: int
) -> ResourceError:
    """The error for answers that fit in no way: what was predicted, and which edit would fit (exit 10)."""
    named = answers_named(least.batch, shape)
    return _refused(step, named, least.peak, budget, remedies, _SMALLER, weights_bytes=weights_bytes)


def answers_named(batch: int, shape: AnswerShape) -> str:
    """So many answers at one time, in words."""
    prompts = "1 prompt" if batch == 1 else f"{batch} prompts"
    return f"{prompts} of {shape.tokens:,} tokens with {shape.max_tokens:,} more"


def _refused(
    step: str,
    named: str,
    peak: Forecast,
    budget: Budget,
    remedies: Sequence[Remedy],
    last: str,
    *,
    weights_bytes: int,
) -> ResourceError:
    """`named` is what was tried with the least `peak`; `last` is the advice where no edit would fit."""
    need = f"{gigabytes(peak.peak_bytes)} ({named}, {peak.phase})"
    room = f"the {gigabytes(budget.fits_bytes)} that fit under {budget.reason}"
    message = f"{step}: predicted peak {need} is over {room}, {gigabytes(budget.reserve_bytes)} aside"
    least = f"{least_line(peak.peak_bytes) / GIGABYTE:.1f}GB"
    enough = f"`limits.memory: {least}` is the least that works" if budget.limited else f"{least} of memory would do"
    if budget.fits_bytes == 0:
        return ResourceError(message, help=f"nothing fits beside what is set aside: {enough}")
    if weights_bytes > budget.fits_bytes:
        text = f"the model's weights alone are {gigabytes(weights_bytes)}; {_SMALLER}"
        return ResourceError(message, help=f"{text}, or else {enough}")
    if not remedies:
        return ResourceError(message, help=f"{last}, or else {enough}")
    first = remedies[0]
    edit = f"`{first.key}: {first.value}` would need {gigabytes(first.peak_bytes)}"
    return ResourceError(message, help=edit)


def largest_that_fits(peaks: Mapping[int, int], budget: Budget, key: str) -> Remedy | None:
    """The largest value whose forecast fits, of `peaks` by value."""
    fitting = [value for value, peak in peaks.items() if peak <= budget.fits_bytes]
    return Remedy(key, str(max(fitting)), peaks[max(fitting)]) if fitting else None


def least_line(peak_bytes: int) -> int:
    """The least limit, in steps of 100 MB, under which such a forecast fits."""
    line = -(-(peak_bytes + RUNTIME_BYTES + CACHE_BYTES) // STEP_BYTES) * STEP_BYTES
    while (budget := budget_for(line, None)) and budget.fits_bytes < peak_bytes:
        line += STEP_BYTES
    return line


def gigabytes(count: int) -> str:
    """Bytes for people."""
    return f"{count / GIGABYTE:.1f} GB" if count >= GIGABYTE else f"{count / 10**6:.0f} MB"
