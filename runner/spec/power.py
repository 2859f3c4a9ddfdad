"""How many samples a target needs, before anything is run: the usual normal approximation for a paired mean.

It is one-sided, as the gate's proof is.

Nothing is known of the campaign's scores yet, so a share of half right answers with independent changes is assumed; it
is a warning's arithmetic, not the gate's.
"""

from __future__ import annotations

import math
from statistics import NormalDist

ASSUMED_BASELINE = 0.6  # the share that is right before tuning
ASSUMED_CORRELATION = 0.5  # of a sample's scores before and after


def power(rows: int, gain: float, *, confidence: float = 0.95, baseline: float = ASSUMED_BASELINE) -> float:
    """The chance to prove any improvement with `rows` samples, if the relative gain is real. In [0, 1].

    Standard error of the paired difference of two shares p and q with correlation r (Fleiss et al. 2003, ch. 13):
    sqrt((p(1-p) + q(1-q) - 2 r sqrt(p(1-p) q(1-q))) / n).
    """
    after = min(0.99, baseline * (1 + gain))
    first, second = baseline * (1 - baseline), after * (1 - after)
    variance = first + second - 2 * ASSUMED_CORRELATION * math.sqrt(first * second)
    error = math.sqrt(variance / rows)
    if error == 0:
        return 1.0
    normal = NormalDist()
    return normal.cdf((after - baseline) / error - normal.inv_cdf(confidence))


def rows_needed(gain: float, *, wanted: float = 0.8, confidence: float = 0.95) -> int | None:
    """The least number of rows with that power, None where a hundred thousand are not enough."""
    low, high = 1, 100_000
    if power(high, gain, confidence=confidence) < wanted:
        return None
    while low < high:
        middle = (low + high) // 2
        if power(middle, gain, confidence=confidence) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low
