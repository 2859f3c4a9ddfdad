"""Paired scores as sums that are exact, and the resamples drawn from them.

Verdicts are recomputed on other machines, so nothing here may depend on the order of a sum, on a BLAS or on NumPy's
version. Columns of statistics are scaled by a power of two and rounded to integers that float64 adds without error,
and draws come from the raw stream of PCG64, which NumPy keeps stable between versions (it does not promise that for
`Generator`'s methods).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import NDArray

from runner.acceptance.model import Measure
from runner.acceptance.wording import count
from runner.metrics.measure import aggregate
from runner.metrics.model import Scores

Array = NDArray[np.float64]
Aggregate = Callable[[Array], Array]
"""Sums of statistics, shape (resamples, columns) → the metric's value for each resample, shape (resamples,)."""

BITS = 52  # integers up to 2**52 are added exactly in float64, with one bit to spare
CELLS = 4_000_000  # of a block of draws, so that memory stays small


@dataclass(frozen=True)
class Pair:
    """One measure as sums over its clusters (each sample its own cluster where it has none).

    `before` and `after` have shape (clusters, columns) and hold integers; times `scale` (one power of two a column)
    they are the sums of statistics.
    """

    samples: int
    before: Array
    after: Array
    scale: Array
    aggregate: Aggregate
    means: tuple[Fraction, Fraction] | None  # before and after; None where the aggregate is no mean of scores

    @property
    def is_mean(self) -> bool:
        """Whether rows are (score, 1)."""
        return self.means is not None

    @property
    def clusters(self) -> int:
        """How many units can be drawn."""
        return len(self.before)

    @property
    def columns(self) -> int:
        """Statistics of one row."""
        return int(self.before.shape[1])

    @property
    def size(self) -> str:
        """How many units there are to judge by, in words."""
        return count(self.clusters, "sample" if self.clusters == self.samples else "cluster")

    @property
    def is_binary(self) -> bool:
        """Whether every cluster is one sample and every score 0 or 1."""
        values = np.concatenate([self.before[:, 0], self.after[:, 0]]) * self.scale[0]
        return self.is_mean and self.clusters == self.samples and bool(np.isin(values, (0.0, 1.0)).all())

    def observed(self) -> tuple[float, float]:
        """The aggregates of all samples before and after."""
        if self.means:
            return float(self.means[0]), float(self.means[1])
        before, after = self.values(self.before.sum(axis=0)[None], self.after.sum(axis=0)[None])
        return float(before[0]), float(after[0])

    def values(self, before: Array, after: Array) -> tuple[Array, Array]:
        """Aggregates of summed integer rows, each of shape (resamples, columns)."""
        return self.aggregate(before * self.scale), self.aggregate(after * self.scale)


@dataclass(frozen=True)
class Resampled:
    """Aggregates of both arms over the same resamples; shape (resamples,) each."""

    before: Array
    after: Array


def problem_of(measure: Measure) -> str:
    """Why `measure` can't be judged, or "" where it can."""
    before, after = measure.before, measure.after
    if not before.sample_ids and not after.sample_ids:
        return "there are no samples"
    if before.sample_ids != after.sample_ids:
        return "before and after are not over the same samples in the same order"
    if before.signature != after.signature:
        return f"before was measured as `{before.signature}`, after as `{after.signature}`"
    if measure.clusters is not None and len(measure.clusters) != len(before.sample_ids):
        return f"{len(measure.clusters)} cluster names for {len(before.sample_ids)} samples"
    for name, scores in (("before", before), ("after", after)):
        found = _problem_of_scores(name, scores)
        if found:
            return found
    if _width(before) != _width(after):
        return "before and after have different statistics"
    return ""


def _problem_of_scores(name: str, scores: Scores) -> str:
    n = len(scores.sample_ids)
    if len(scores.values) != n or (scores.statistics and len(scores.statistics) != n):
        return f"{name} has {len(scores.values)} scores for {n} samples"
    for sample, value in zip(scores.sample_ids, scores.values, strict=True):
        if not math.isfinite(value):
            return f"the score of sample `{sample}` is {value} ({name})"
    if len({len(row) for row in scores.statistics}) > 1:
        return f"{name} has rows of statistics of different lengths"
    for sample, row in zip(scores.sample_ids, scores.statistics, strict=False):
        if not all(map(math.isfinite, row)):
            return f"the statistics of sample `{sample}` are not finite ({name})"
    if not math.isfinite(scores.value):
        return f"the aggregate is {scores.value} ({name})"
    return ""


def _width(scores: Scores) -> int:
    return len(scores.statistics[0]) if scores.statistics else 2


def mean_of(sums: Array) -> Array:
    """The aggregate of (score, 1) rows: their mean."""
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def pair_of(measure: Measure) -> Pair:
    """`measure` as exact sums over clusters. `problem_of` must have found nothing."""
    before, after = _rows(measure.before), _rows(measure.after)
    groups = _groups(measure)
    sizes = np.bincount(groups)
    count = len(sizes)
    scale = _scale(np.abs(np.concatenate([before, after])).max(axis=0), count * int(sizes.max()))
    return Pair(
        samples=len(before),
        before=_sum_groups(np.rint(before / scale), groups, count),
        after=_sum_groups(np.rint(after / scale), groups, count),
        scale=scale,
        aggregate=_aggregate_of(measure.before),
        means=None if measure.before.statistics else (exact_mean(measure.before), exact_mean(measure.after)),
    )


def _aggregate_of(scores: Scores) -> Aggregate:
    return partial(aggregate, scores.metric, {}) if scores.statistics else mean_of


def _rows(scores: Scores) -> Array:
    if scores.statistics:
        return np.asarray(scores.statistics, dtype=np.float64)
    return np.stack([np.asarray(scores.values, dtype=np.float64), np.ones(len(scores.values))], axis=1)


def _groups(measure: Measure) -> NDArray[np.int64]:
    if measure.clusters is None:
        return np.arange(len(measure.before.sample_ids), dtype=np.int64)
    numbers: dict[str, int] = {}
    keys = [name or f"\0{i}" for i, name in enumerate(measure.clusters)]  # a nameless sample is a cluster of its own
    return np.asarray([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _scale(largest: Array, rows: int) -> Array:
    """The power of two per column whose multiples are added exactly in a resample of at most `rows` rows."""
    room = np.maximum(largest, np.finfo(np.float64).tiny) * rows
    return np.asarray(np.ldexp(1.0, np.maximum(np.ceil(np.log2(room)).astype(int) - BITS, -1000)), dtype=np.float64)


def _sum_groups(rows: Array, groups: NDArray[np.int64], count: int) -> Array:
    out = np.zeros((count, rows.shape[1]))
    np.add.at(out, groups, rows)
    return out


def stream(seed: int, *names: str) -> np.random.PCG64:
    """A generator of its own for every purpose, whatever the order in which checks are made."""
    text = "\0".join([str(seed), *names]).encode()
    return np.random.PCG64(int.from_bytes(hashlib.sha256(text).digest()[:16], "big"))


def resample(pair: Pair, *, resamples: int, bits: np.random.PCG64) -> Resampled:
    """Paired bootstrap: whole clusters are drawn with replacement, both arms over the same draw (Efron 1979)."""
    rows = np.concatenate([pair.before, pair.after], axis=1)
    sums = np.concatenate([counts @ rows for counts in _draws(pair.clusters, resamples, bits)])
    before, after = pair.values(sums[:, : pair.columns], sums[:, pair.columns :])
    return Resampled(before, after)


def _draws(clusters: int, resamples: int, bits: np.random.PCG64) -> Iterator[Array]:
    """Blocks of shape (draws, clusters): how often each cluster was drawn."""
    block = max(1, CELLS // clusters)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        raw = np.asarray(bits.random_raw(size * clusters), dtype=np.uint64)
        index = ((raw >> np.uint64(11)).astype(np.float64) * (clusters / 2**53)).astype(np.int64)
        index = np.minimum(index, clusters - 1)  # the product may round up to `clusters`
        index += np.repeat(np.arange(size, dtype=np.int64) * clusters, clusters)
        yield np.bincount(index, minlength=size * clusters).reshape(size, clusters).astype(np.float64)


def exact_mean(scores: Scores) -> Fraction:
    """The mean of the scores without rounding. 0.23 counts as 23/100 and 2/3 as two thirds, not as their floats."""
    counts: dict[float, int] = {}
    for value in scores.values:
        counts[value] = counts.get(value, 0) + 1
    total = sum((_rational(value) * count for value, count in sorted(counts.items())), Fraction(0))
    return total / len(scores.values)


def _rational(value: float) -> Fraction:
    simple = Fraction(value).limit_denominator(1000)
    return simple if float(simple) == value else Fraction(value)
