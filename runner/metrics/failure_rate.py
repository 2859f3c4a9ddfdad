"""Failure rate: the share of answers that are empty, cut off, repeating or unparsable, with its Wilson interval.

Source: our own four kinds of failure; the interval is Wilson's (1927), as in statsmodels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from runner.metrics.failures import KINDS, failure_of
from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def wilson(hits: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Two-sided score interval of a share (Wilson 1927); never outside 0 to 1, and defined at 0 of n.

    Raises:
        ValueError: n is 0.
    """
    if n <= 0:
        raise ValueError("a share of nothing has no interval")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == n else min(1.0, middle + half))


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """1.0 for a failed answer, else 0.0."""
    kinds = _kinds(pairs, str(options["format"]))
    return Rows(tuple(pairs), tuple(float(bool(kind)) for kind in kinds))


def _kinds(pairs: Sequence[Pair], format: str) -> list[str]:
    """`format` is the metric's own; where it asks for nothing, what the evaluation asks for."""
    return [
        p.failure if format == "any" else failure_of(p.completion, format=format, reference=p.reference) for p in pairs
    ]


def details(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> dict[str, float]:
    """Failures by kind, and the interval of the rate."""
    kinds = Counter(_kinds(pairs, str(options["format"])))
    interval = wilson(len(pairs) - kinds[""], len(pairs))
    return {kind: float(kinds[kind]) for kind in KINDS} | {"low": interval.low, "high": interval.high}
