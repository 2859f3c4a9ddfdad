"""What a chain of two stages gained, by whom, and where information was lost. Pure: scores of arms in, values out.

Arms are named "first>second", each part `base`, a tune's id, or `reference` (the right analysis instead of a model's).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from runner.acceptance.effects import lower_bound, upper_bound
from runner.acceptance.model import Measure
from runner.acceptance.pairs import Array, pair_of, problem_of, resample, stream
from runner.errors import IntegrityError
from runner.metrics.model import MetricInfo, Scores

BASE = "base"
REFERENCE = "reference"
RESAMPLES = 9999


@dataclass(frozen=True)
class Share:
    """One part of a change, in the metric's units, + is better, with its two-sided interval (None: one cluster)."""

    id: str  # first | second | interaction | total | chain_adapter | lost_first | lost_second
    title: str
    points: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Attribution:
    """The 2×2 table of a chain (with more columns where a chain-tuned adapter was measured) and what it says."""

    firsts: tuple[str, ...]  # rows: base, the tuned first stage; reference where it was measured
    seconds: tuple[str, ...]  # columns: base, the second stage tuned on its own, the chain-tuned one
    table: dict[str, float]  # arm → aggregate
    shares: tuple[Share, ...]
    n: int


@dataclass(frozen=True)
class Entry:
    """One sample's fate. `stages` holds one outcome a stage, the last of which is the chain's own."""

    sample_id: str
    stages: tuple[str, ...]  # fixed | regressed | kept | still_wrong
    before: float
    after: float
    lost_at: str  # the stage that the tuned chain lost it at; "" where the end is right


@dataclass(frozen=True)
class Ledger:
    """Every sample's fate, and how many had each."""

    stage_ids: tuple[str, ...]
    entries: tuple[Entry, ...]
    counts: dict[str, dict[str, int]]  # stage → outcome → samples
    lost: dict[str, int]  # stage → samples that the tuned chain lost there


def arm(first: str, second: str) -> str:
    """The name of an arm."""
    return f"{first}>{second}"


def attribute(
    arms: Mapping[str, Scores],
    info: MetricInfo,
    *,
    first: str,
    second: str,
    chain_adapter: str = "",
    clusters: tuple[str, ...] | None = None,
    confidence: float = 0.95,
    seed: int,
) -> Attribution:
    """Split a chain's gain between its two tunings.

    A tuning's share is its effect averaged over the other stage being base and tuned (the Shapley value of two
    players), so that the two shares add up to the whole gain. The interaction says how much more the two gave
    together than apart. `chain_adapter` is what the chain-tuned second stage added to the separately tuned one.

    Raises:
        IntegrityError: an arm of the 2×2 is missing, or arms are over different samples.
    """
    names = [arm(f, s) for f in (BASE, first) for s in (BASE, second)]
    seconds = [BASE, second] + ([chain_adapter] if chain_adapter and arm(first, chain_adapter) in arms else [])
    oracle = arm(REFERENCE, seconds[-1])
    names += [arm(first, seconds[-1])] if len(seconds) > 2 else []
    names += [oracle] if oracle in arms else []
    columns = _columns(arms, names, info, clusters, seed)
    parts = _parts({name: info.sign * values for name, values in columns.items()}, info, first, second, seconds)
    return Attribution(
        firsts=(BASE, first, *([REFERENCE] if oracle in arms else [])),
        seconds=tuple(seconds),
        table={name: scores.value for name, scores in arms.items()},
        shares=tuple(_share(name, title, values, confidence) for name, title, values in parts),
        n=len(arms[names[0]].sample_ids),
    )


def _parts(
    signed: Mapping[str, Array], info: MetricInfo, first: str, second: str, seconds: Sequence[str]
) -> list[tuple[str, str, Array]]:
    """(id, title, values) of every share; `signed` are the arms' aggregates, + is better."""
    bb, bt, tb, tt = (signed[arm(f, s)] for f in (BASE, first) for s in (BASE, second))
    parts = [
        ("first", f"tuning the first stage (`{first}`)", ((tb - bb) + (tt - bt)) / 2),
        ("second", f"tuning the second stage (`{second}`)", ((bt - bb) + (tt - tb)) / 2),
        ("interaction", "both together beyond each alone", tt - tb - bt + bb),
        ("total", "both together", tt - bb),
    ]
    end = signed[arm(first, seconds[-1])]
    oracle = signed.get(arm(REFERENCE, seconds[-1]))
    if len(seconds) > 2:
        parts.append(("chain_adapter", f"tuning on the chain (`{seconds[-1]}`) beyond both", end - tt))
    if oracle is not None:
        parts.append(("lost_first", "lost in the first stage, against the right analysis", end - oracle))
        if info.best is not None:
            parts.append(
                ("lost_second", "lost in the second stage, given the right analysis", oracle - info.sign * info.best)
            )
    return parts


def _columns(
    arms: Mapping[str, Scores], names: Sequence[str], info: MetricInfo, clusters: tuple[str, ...] | None, seed: int
) -> dict[str, Array]:
    """Per arm: its aggregate, then its aggregate in every resample, all arms over the same draws."""
    missing = [name for name in names if name not in arms]
    if missing:
        raise IntegrityError(f"the arm `{missing[0]}` of the chain was not measured")
    found: dict[str, Array] = {}
    for name in names:
        measure = Measure(name, info, arms[names[0]], arms[name], clusters)
        problem = problem_of(measure)
        if problem:
            raise IntegrityError(f"the arm `{name}` can't be compared with `{names[0]}`: {problem}")
        pair = pair_of(measure)
        whole = np.array(pair.observed()[1:])
        drawn = (
            resample(pair, resamples=RESAMPLES, bits=stream(seed, "chain")).after if pair.clusters > 1 else whole[:0]
        )
        found[name] = np.concatenate([whole, drawn])
    return found


def _share(name: str, title: str, values: Array, confidence: float) -> Share:
    if len(values) == 1:
        return Share(name, title, float(values[0]), None, None)
    tail = (1 - confidence) / 2
    return Share(name, title, float(values[0]), lower_bound(values[1:], tail), upper_bound(values[1:], tail))


def ledger(
    stages: Mapping[str, tuple[Scores, Scores]],
    info: MetricInfo,
    *,
    right_at: float | None = None,
    oracle: Scores | None = None,
) -> Ledger:
    """Each sample's fate over the stages of a chain, in order: (before, after) scores a stage, the last is the end.

    A sample is right where its score reaches `right_at` (default: the best value there is). Where the tuned chain ends
    wrong, `lost_at` is the first stage that was wrong; with `oracle` (scores of the tuned last stage given the right
    analysis) a sample that is right with the right analysis was lost before the last stage, else in it.

    Raises:
        IntegrityError: stages are over different samples, or the metric has no best value and none was given.
    """
    line = right_at if right_at is not None else info.best
    if line is None:
        raise IntegrityError(f"`{info.name}` has no best value: say from which score on a sample is right")
    ids = tuple(stages)
    samples = stages[ids[-1]][1].sample_ids
    everything = [scores for pair in stages.values() for scores in pair] + ([oracle] if oracle else [])
    if any(scores.sample_ids != samples for scores in everything):
        raise IntegrityError("the stages of the chain are not over the same samples")

    def right(scores: Scores, i: int) -> bool:
        return info.sign * scores.values[i] >= info.sign * line

    entries = []
    for i, sample in enumerate(samples):
        states = [(right(b, i), right(a, i)) for b, a in stages.values()]
        before, after = (scores.values[i] for scores in stages[ids[-1]])
        entry = Entry(sample, tuple(_OUTCOMES[s] for s in states), before, after, "")
        if not states[-1][1]:
            wrong = next(name for name, (_, after) in zip(ids, states, strict=True) if not after)
            if oracle is not None and len(ids) > 1:
                wrong = ids[-2] if right(oracle, i) else ids[-1]
            entry = replace(entry, lost_at=wrong)
        entries.append(entry)
    return Ledger(ids, tuple(entries), _count(ids, entries), {s: sum(e.lost_at == s for e in entries) for s in ids})


_OUTCOMES = {(False, True): "fixed", (True, False): "regressed", (True, True): "kept", (False, False): "still_wrong"}


def _count(ids: tuple[str, ...], entries: Sequence[Entry]) -> dict[str, dict[str, int]]:
    return {
        stage: {outcome: sum(e.stages[i] == outcome for e in entries) for outcome in _OUTCOMES.values()}
        for i, stage in enumerate(ids)
    }
