"""The sweeps of a campaign: every variant with its score on held-out rows, and which one won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from runner.metrics.model import sign_of
from runner.metrics.table import info_of
from runner.plan.names import name_of, tune_id
from runner.record.model import StepRecord
from runner.report.reading import figure, flat, mapping, text


@dataclass(frozen=True)
class Variant:
    """One combination of a matrix."""

    id: str
    values: tuple[str, ...]  # one for each of the sweep's axes, "" where it leaves an axis alone
    score: float | None
    winner: bool
    final_loss: float | None
    seconds: float | None


@dataclass(frozen=True)
class Axis:
    """A setting that the matrix varies, and how the variants scored at each of its values."""

    name: str  # `lora.rank`
    labels: tuple[str, ...]  # numbers by size, then words
    scores: tuple[tuple[float, float], ...]  # place of the value among the labels, a variant's score
    means: tuple[tuple[float, float], ...]
    chosen: tuple[tuple[float, float], ...]  # of the winner, where it has a score


@dataclass(frozen=True)
class Sweep:
    """One tune written as many."""

    tune: str
    metric: str
    direction: str
    variants: tuple[Variant, ...]  # the best first
    names: tuple[str, ...]  # of all settings that differ
    axes: tuple[Axis, ...]  # those of them with two values or more


def sweeps(steps: Sequence[StepRecord]) -> tuple[Sweep, ...]:
    """One for each step that chose among variants."""
    tuned = {name_of(step.id): step for step in steps if step.kind == "tune"}
    return tuple(_sweep(step, tuned) for step in steps if step.kind == "select")


def losers(found: Sequence[Sweep]) -> frozenset[str]:
    """Ids of the tune steps whose adapter went no further."""
    return frozenset(tune_id(v.id) for sweep in found for v in sweep.variants if not v.winner)


def _sweep(step: StepRecord, tuned: dict[str, StepRecord]) -> Sweep:
    measures = step.measures
    metric = text(measures.get("metric"))
    info = info_of(metric)
    direction = info.direction if info else "higher"
    settings = {id: dict(flat(mapping(about))) for id, about in mapping(measures.get("variants")).items()}
    names = tuple(dict.fromkeys(name for about in settings.values() for name in about))
    scores = {id: figure(value) for id, value in mapping(measures.get("values")).items()}
    winner = text(measures.get("winner"))
    variants = [
        _variant(id, tuple(about.get(name, "") for name in names), scores.get(id), winner, tuned.get(id))
        for id, about in settings.items()
    ]
    sign = -sign_of(direction)
    variants.sort(key=lambda v: (v.score is None, sign * (v.score or 0.0), not v.winner, [_order(x) for x in v.values]))
    axes = [_axis(name, settings, scores, winner) for name in names]
    return Sweep(
        tune=name_of(step.id),
        metric=metric,
        direction=direction,
        variants=tuple(variants),
        names=names,
        axes=tuple(axis for axis in axes if len(axis.labels) > 1),
    )


def _variant(id: str, values: tuple[str, ...], score: float | None, winner: str, step: StepRecord | None) -> Variant:
    loss = figure(step.measures.get("final_train_loss")) if step else None
    return Variant(id, values, score, id == winner, loss, step.seconds if step else None)


def _order(label: str) -> tuple[bool, float, str]:
    """Numbers by their size, before words by their letters."""
    try:
        return False, float(label), label
    except ValueError:
        return True, 0.0, label


def _axis(name: str, settings: dict[str, dict[str, str]], scores: dict[str, float | None], winner: str) -> Axis:
    labels = tuple(sorted({about[name] for about in settings.values() if name in about}, key=_order))
    at: dict[str, list[float]] = {label: [] for label in labels}
    for id, about in settings.items():
        score = scores.get(id)
        if name in about and score is not None:
            at[about[name]].append(score)
    at_winner, best = settings.get(winner, {}).get(name, ""), scores.get(winner)
    places = [(float(place), at[label]) for place, label in enumerate(labels)]
    return Axis(
        name,
        labels,
        tuple((place, score) for place, own in places for score in own),
        tuple((place, fmean(own)) for place, own in places if own),
        ((float(labels.index(at_winner)), best),) if at_winner in labels and best is not None else (),
    )
