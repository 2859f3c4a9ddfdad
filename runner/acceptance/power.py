"""How many samples would decide a check, and the smallest change that those at hand could have shown."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from runner.acceptance.pairs import Array, Pair

POWER = 0.8  # the chance of seeing a change that is there, by convention (Cohen 1988)


def samples_needed(pair: Pair, contrasts: Array, alpha: float) -> int | None:
    """Samples for which a true change as large as the one observed would be proven with 80 % power.

    `contrasts` are one a cluster and sum to the change beyond what must be proven. None where that is not positive:
    then no number of samples would be expected to prove it. Normal approximation, at the present cluster sizes.
    """
    mean, deviation = float(contrasts.mean()), _deviation(contrasts)
    if mean <= 0 or deviation is None:
        return None
    clusters = math.ceil((_z(alpha) * deviation / mean) ** 2)
    return max(2, math.ceil(clusters * pair.samples / pair.clusters))


def smallest_visible_change(pair: Pair, alpha: float, *, allowed: float = 0.0) -> float | None:
    """The least drop of the mean, in the metric's units, that would be proven with 80 % power at this n.

    `allowed` is the share of the baseline that may be lost: only what goes beyond it can be proven. Where scores are
    0/1 or all alike it can't be less than so many lost samples as exact McNemar asks for.
    None for corpus metrics and for a single cluster.
    """
    if not pair.is_mean or pair.clusters < 2:
        return None
    per_cluster = (pair.after[:, 0] - pair.before[:, 0]) * pair.scale[0]
    deviation = _deviation(per_cluster) or 0.0
    normal = _z(alpha) * deviation * math.sqrt(pair.clusters) / pair.samples
    steps = np.unique(np.abs(per_cluster[per_cluster != 0]))
    floor = (float(steps[0]) if len(steps) else 1.0) * math.ceil(math.log2(1 / alpha)) / pair.samples
    baseline = abs(float(pair.before[:, 0].sum() * pair.scale[0])) / pair.samples
    return allowed * baseline + max(normal, floor)


def _deviation(values: Array) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None


def _z(alpha: float) -> float:
    return NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(POWER)
