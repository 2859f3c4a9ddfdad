"""What the rehearsals of a run saw on its own models: speeds, tunings and prompts tried, fast paths beside plain.

The figures are read by the names that the `rehearse` step gives them; what a record does not have is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.plan.names import name_of
from runner.record.model import StepRecord
from runner.report.reading import Row, figure, items, mapping, text


@dataclass(frozen=True)
class Tried:
    """A tuning as it was rehearsed on its longest rows."""

    tune: str
    rows: float | None
    longest: float | None  # tokens of a row
    tokens_per_second: float | None
    seconds_per_update: float | None
    peak_bytes: float | None  # MLX's own count
    resumed: bool  # it came to the same adapter when it was stopped and resumed
    alive: float | None  # how far the adapter moves the model's answers


@dataclass(frozen=True)
class Path:
    """A fast path against the plain computation."""

    about: str  # the tuning, "" for answers
    name: str
    equal: bool | None
    difference: float | None  # the greatest, of loss or gradient; None where answers were compared
    ratio: float | None  # its time over the plain one's: below 1 is faster
    says: str


@dataclass(frozen=True)
class Prompts:
    """The longest prompts of one stage of an evaluation."""

    name: str
    longest: float | None  # tokens
    answered: float | None
    cut_off: float | None  # answers that ended at their token limit


@dataclass(frozen=True)
class Rehearsal:
    """One model's rehearsal."""

    model: str
    rates: tuple[tuple[str, float], ...]
    tried: tuple[Tried, ...]
    paths: tuple[Path, ...]
    prompts: tuple[Prompts, ...]
    seconds: float


def rehearsals(steps: Sequence[StepRecord]) -> tuple[Rehearsal, ...]:
    """One for each `rehearse` step that has figures."""
    return tuple(_rehearsal(step) for step in steps if step.kind == "rehearse" and step.measures)


def _rehearsal(step: StepRecord) -> Rehearsal:
    measures = step.measures
    rates = [(k, v) for k, value in mapping(measures.get("rates")).items() if (v := figure(value)) is not None]
    compared = [(tune, one) for tune, found in mapping(measures.get("paths")).items() for one in items(found)]
    answers, asked = items(measures.get("answer_paths")), sorted(mapping(measures.get("prompts")), key=_number)
    # One comparison a set of prompts, in their order, where all were compared.
    names = [name.partition(".")[2] or name for name in asked] if len(asked) == len(answers) else [""] * len(answers)
    compared += list(zip(names, answers, strict=True))
    return Rehearsal(
        model=name_of(step.id),
        rates=tuple(rates),
        tried=tuple(_tried(name, mapping(about)) for name, about in mapping(measures.get("tunes")).items()),
        paths=tuple(_path(tune, mapping(one)) for tune, one in compared),
        prompts=tuple(_prompts(name, mapping(about)) for name, about in mapping(measures.get("prompts")).items()),
        seconds=step.seconds,
    )


def _number(name: str) -> tuple[int, str]:
    """The order of prompt sets, whose names begin with their number: `2.reports` before `10.documents`."""
    return len(name.partition(".")[0]), name


def _tried(name: str, about: Row) -> Tried:
    return Tried(
        tune=name,
        rows=figure(about.get("rows")),
        longest=figure(about.get("longest_row_tokens")),
        tokens_per_second=figure(about.get("tokens_per_second")),
        seconds_per_update=figure(about.get("seconds_per_update")),
        peak_bytes=figure(about.get("peak_memory_bytes")),
        resumed=bool(about.get("resumed_from_update")),
        alive=figure(mapping(mapping(about.get("liveness")).get("probe")).get("adapter_difference")),
    )


def _path(tune: str, about: Row) -> Path:
    found = [d for k in ("loss_difference", "gradient_difference") if (d := figure(about.get(k))) is not None]
    difference, tolerance = max(found, default=None), figure(about.get("tolerance"))
    equal = None if difference is None or tolerance is None else difference <= tolerance
    if "different" in about:
        equal = not items(about.get("different"))
    took = mapping(about.get("seconds"))
    fast, plain = figure(took.get("with")), figure(took.get("without"))
    ratio = fast / plain if fast is not None and plain else None
    return Path(tune, text(about.get("path")), equal, difference, ratio, text(about.get("finding")))


def _prompts(name: str, about: Row) -> Prompts:
    longest, answered, cut = (figure(about.get(k)) for k in ("longest_tokens", "answered", "cut_off"))
    return Prompts(name.partition(".")[2] or name, longest, answered, cut)
