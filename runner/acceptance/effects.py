"""The three readings of "+15 %" and their bounds: relative to the baseline, in points, and as a share of the error."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from runner.acceptance.pairs import Array, Pair, Resampled
from runner.metrics.model import MetricInfo

TOLERANCE = 1e-12  # for aggregates that are not plain means; those are compared exactly


@dataclass(frozen=True)
class Reading:
    """How a change is read: `kind` is relative, points or error_reduction; `sign` is −1 where lower is better."""

    kind: str
    sign: int
    best: float | None  # the best value that the metric can take; None where its range is open


def reading_of(info: MetricInfo, kind: str) -> Reading:
    """The reading of `kind` in the metric's own direction."""
    return Reading(kind, info.sign, info.best)


def unit_of(reading: Reading, before: float) -> float | None:
    """What a change of one in this reading is worth in the metric's units; None where the reading does not exist."""
    if reading.kind == "points":
        return 1.0
    if reading.kind == "relative":
        return abs(before) or None
    if reading.best is None:
        return None
    return reading.sign * (reading.best - before) or None


def effect_of(reading: Reading, before: float, after: float) -> float | None:
    """The change in this reading, positive where after is better; None where the reading does not exist."""
    unit = unit_of(reading, before)
    return None if unit is None else reading.sign * (after - before) / unit


def greatest_effect(reading: Reading, before: float) -> float | None:
    """The effect of a perfect result; None where the metric's range is open."""
    return None if reading.best is None else effect_of(reading, before, reading.best)


def meets(reading: Reading, before: float, after: float, least: float) -> bool:
    """Whether the change is at least `least`, within rounding."""
    unit = unit_of(reading, before) or 0.0
    gain = reading.sign * (after - before)
    return gain >= least * unit - TOLERANCE * max(1.0, abs(before), abs(after))


def meets_exactly(reading: Reading, before: Fraction, after: Fraction, least: float) -> bool:
    """Whether the change is at least `least`, without any rounding: 0.60 → 0.69 is +15 %."""
    wanted = Fraction(repr(least))
    if reading.kind == "relative":
        unit = abs(before)
    elif reading.kind == "points":
        unit = Fraction(1)
    else:
        unit = reading.sign * (Fraction(repr(reading.best)) - before)
    return reading.sign * (after - before) >= wanted * unit


def contrast(reading: Reading, drawn: Resampled, least: float) -> Array:
    """Positive where a resample's change exceeds `least`. Linear in the aggregates: no division by a baseline of 0."""
    gain = reading.sign * (drawn.after - drawn.before)
    if reading.kind == "points":
        return np.asarray(gain - least)
    if reading.kind == "relative":
        return np.asarray(gain - least * np.abs(drawn.before))
    assert reading.best is not None
    return np.asarray(gain - least * reading.sign * (reading.best - drawn.before))


def cluster_contrasts(reading: Reading, pair: Pair, least: float) -> Array:
    """The change beyond `least`, one number a cluster; for corpus metrics by leaving each cluster out (jackknife)."""
    if pair.is_mean:
        weight = pair.before[:, 1] * pair.scale[1]
        b, a = pair.before[:, 0] * pair.scale[0], pair.after[:, 0] * pair.scale[0]
        unit = {"points": weight, "relative": abs(b)}.get(reading.kind)
        if unit is None:
            unit = reading.sign * ((reading.best or 0.0) * weight - b)
        return np.asarray(reading.sign * (a - b) - least * unit)
    whole = Resampled(*np.array(pair.observed())[:, None])
    rest = Resampled(*pair.values(pair.before.sum(axis=0) - pair.before, pair.after.sum(axis=0) - pair.after))
    everything, without = contrast(reading, whole, least), contrast(reading, rest, least)
    return np.asarray(pair.clusters * everything - (pair.clusters - 1) * without)


def effects(reading: Reading, drawn: Resampled) -> Array | None:
    """The change of every resample; None where one of them has no such reading (a resampled baseline of 0)."""
    gain = reading.sign * (drawn.after - drawn.before)
    if reading.kind == "points":
        return np.asarray(gain)
    if reading.kind == "relative":
        unit = np.abs(drawn.before)
    else:
        assert reading.best is not None
        unit = reading.sign * (reading.best - drawn.before)
    return np.asarray(gain / unit) if np.all(unit > 0) else None


def lower_bound(values: Array, alpha: float) -> float | None:
    """The one-sided lower bound at level `alpha`: an order statistic, so no interpolation.

    None where there are too few resamples for so small an alpha.
    """
    rank = int(alpha * (len(values) + 1) + 1e-9)
    return None if rank < 1 else float(np.partition(values, rank - 1)[rank - 1])


def upper_bound(values: Array, alpha: float) -> float | None:
    """The one-sided upper bound at level `alpha`."""
    bound = lower_bound(-values, alpha)
    return None if bound is None else -bound
