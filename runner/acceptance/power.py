"""How many samples would decide a check, and the smallest change that those at hand could have shown."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from runner.acceptance.pairs import Array, Pair

POWER = 0.8  # the chance of seeing a change that is there, by convention (Cohen 1988)


def fewest_clusters(alpha: float) -> int:
    """So many must all move alike before any paired test can say so at `alpha`: 2**-k is the least p of k clusters."""
    return max(2, math.ceil(math.log2(1 / alpha)))


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

    `allowed` is the share of the baseline that may be lost: only what goes beyond it can be proven. It can't be less
    than as many usual changes as an exact test asks for. None for corpus metrics and for too few clusters.
    """
    fewest = fewest_clusters(alpha)
    if not pair.is_mean or pair.clusters < fewest:
        return None
    per_cluster = (pair.after[:, 0] - pair.before[:, 0]) * pair.scale[0]
    deviation = _deviation(per_cluster) or 0.0
    normal = _z(alpha) * deviation * math.sqrt(pair.clusters) / pair.samples
    steps = np.abs(per_cluster[per_cluster != 0])
    floor = (float(steps.mean()) if len(steps) else 1.0) * fewest / pair.samples
    baseline = abs(float(pair.before[:, 0].sum() * pair.scale[0])) / pair.samples
    return allowed * baseline + max(normal, floor)


def _deviation(values: Array) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None


def _z(alpha: float) -> float:
    return NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(POWER)
