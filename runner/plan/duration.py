"""How long a step will take, from what steps took on this machine before. Not known is None, with the reason.

In order of trust: the same step before, with its time scaled by the work; the rates that a rehearsal of the same
weights measured; another step of the same kind on the same weights; for light steps any of their kind.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runner.plan.kinds import KINDS, WEIGHTS
from runner.plan.model import Step
from runner.plan.names import ADAPTER, INPUTS, kind_of, name_of

UNKNOWN = "no step like it ran on this machine yet"
HEAVY = frozenset(name for name, kind in KINDS.items() if kind.loads == WEIGHTS)
MODEL = "model"  # the role of weights among a step's inputs


@dataclass(frozen=True)
class Past:
    """What a finished step took. `work` is passes over rows for a tuning, answers for a generation, else 0."""

    step: str
    kind: str
    seconds: float
    weights: str = ""  # digest; "" where no model was loaded
    work: float = 0.0


@dataclass(frozen=True)
class Rates:
    """What a rehearsal measured of one model's weights."""

    tune_tokens_per_second: float | None = None
    generate_tokens_per_second: float | None = None
    load_seconds: float = 0.0
    peak_bytes: int | None = None  # MLX's greatest while it was rehearsed, on the longest rows and prompts


@dataclass(frozen=True)
class Duration:
    """Seconds, or None; and what they come from. `at_most`: of answers as long as they may be; most end early."""

    seconds: float | None
    basis: str
    at_most: bool = False


@dataclass(frozen=True)
class History:
    """All that is known of this machine's speed. Only steps of the same backend, chip and BLAS belong here."""

    past: Sequence[Past] = ()  # the newest last
    rates: Mapping[str, Rates] = field(default_factory=dict)  # by model id
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # data set → split → rows
    tokens: Mapping[str, float] = field(default_factory=dict)  # tune → tokens of its training rows, each once
    answers: Mapping[str, float] = field(
        default_factory=dict
    )  # tune → tokens that 95 % of its rows' answers stay within


def duration_of(step: Step, history: History, *, weights: str = "") -> Duration:
    """How long `step` will take. `weights` is the digest of the model that it loads."""
    work = work_of(step, history)
    same = [p for p in history.past if p.step == step.id and (not step.group or p.weights == weights)]
    if same:
        last = same[-1]
        scale = work / last.work if work and last.work else 1.0
        return Duration(last.seconds * scale, "its last run" if scale == 1 else f"its last run, {scale:.2g} × the work")
    if step.group and step.kind in HEAVY:
        return _rehearsed(step, history, work) or _alike(step, history, work, weights)
    kin = [p.seconds for p in history.past if p.kind == step.kind and step.kind not in HEAVY]
    if kin:
        return Duration(statistics.median(kin), f"the median of {len(kin)} {step.kind} steps")
    return Duration(None, UNKNOWN)


def work_of(step: Step, history: History) -> float | None:
    """Passes over rows of a tuning, answers of a generation; None where the rows were not counted yet."""
    if step.kind == "tune":
        train = step.params["train"]
        most = float(train["max_updates"] * train["batch_size"]) if train["max_updates"] else None
        rows = rows_read(step, history, "train.jsonl")
        passes = None if rows is None else rows * float(train["epochs"])
        known = [n for n in (most, passes) if n is not None]
        return min(known) if passes is not None else None
    if step.kind == "generate":
        rows = rows_read(step, history, f".{INPUTS}")
        return None if rows is None else float(_answers(step, rows))
    return None


def _answers(step: Step, rows: int) -> int:
    """Answers to so many rows: one each, or those that a repetition for a metric asks for."""
    repeat, settings = step.params.get("repeat"), step.params["settings"]
    if not repeat:
        return rows
    runs = len(step.params.get("paraphrases", ())) or settings.get(f"{repeat}_runs", 1)
    return int(min(rows, settings.get(f"{repeat.removeprefix('prompt_')}_samples", rows)) * runs)


def past_work(kind: str, params: Mapping[str, Any], measures: Mapping[str, Any]) -> float:
    """The same of a finished step, from what it measured; 0 where it does not say."""
    if kind == "tune":
        return float(measures.get("updates", 0)) * float(params["train"]["batch_size"])
    return float(measures.get("completions", 0)) if kind == "generate" else 0.0


def rows_read(step: Step, history: History, file: str) -> int | None:
    """Rows of the split that the step reads from a `prepare` step, as `file`; None where they were not counted."""
    for need in step.needs:
        if kind_of(need.step) == "prepare" and need.file.endswith(file):
            split = need.file.removesuffix(file) if file.startswith(".") else need.file.removesuffix(".jsonl")
            return history.rows.get(name_of(need.step), {}).get(split)
    return None


def _rehearsed(step: Step, history: History, work: float | None) -> Duration | None:
    rates = history.rates.get(step.group)
    if rates is None:
        return None
    if step.kind == "tune" and rates.tune_tokens_per_second:
        tune = name_of(step.id)
        rows = rows_read(step, history, "train.jsonl")
        if work and rows and tune in history.tokens:
            tokens = history.tokens[tune] * work / rows
            seconds = rates.load_seconds + tokens / rates.tune_tokens_per_second
            return Duration(seconds, f"{tokens:,.0f} tokens at the rehearsal's {rates.tune_tokens_per_second:,.0f}/s")
    if step.kind == "generate" and rates.generate_tokens_per_second and work:
        longest = float(step.params["settings"]["max_tokens"])
        learned = _learned(step, history)
        tokens = work * min(longest, learned or longest)
        seconds = rates.load_seconds + tokens / rates.generate_tokens_per_second
        how = "as long as its training's answers" if learned else "at most"
        basis = f"{how}: {tokens:,.0f} tokens, {rates.generate_tokens_per_second:,.0f}/s rehearsed"
        return Duration(seconds, basis, at_most=learned is None)
    return None


def _learned(step: Step, history: History) -> float | None:
    """Tokens of an answer by the adapter that gives it: about those that it was trained on; None without one."""
    adapters = (name_of(need.step) for need in step.needs if need.file == ADAPTER)
    return next((history.answers[tune] for tune in adapters if tune in history.answers), None)


def _alike(step: Step, history: History, work: float | None, weights: str) -> Duration:
    kin = [p for p in history.past if p.kind == step.kind and p.weights == weights and p.work and p.seconds]
    if not kin:
        return Duration(None, UNKNOWN)
    if not work:
        return Duration(None, "its rows are not counted yet")
    last = kin[-1]
    return Duration(last.seconds * work / last.work, f"as fast a row as {last.step}")
