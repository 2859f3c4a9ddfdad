"""Tests of a drop: exact McNemar, sign-flip permutation, swap permutation for corpus metrics, and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from runner.acceptance.pairs import CELLS, Array, Pair

ENUMERATE = 13  # up to so many differences, all 2**n sign patterns are counted instead of drawn


def mcnemar(better: int, worse: int) -> float:
    """One-sided exact p of at least `worse` losses among the samples that changed (McNemar 1947, binomial form)."""
    changed = better + worse
    if changed == 0:
        return 1.0
    tail = sum(math.comb(changed, k) for k in range(worse, changed + 1))
    return float(tail / 2**changed)


def sign_flip(differences: Array, *, resamples: int, bits: np.random.PCG64) -> float:
    """One-sided p that the sum of paired differences is this low, their signs being random (Fisher 1935).

    `differences` hold integers (see `pairs`), one a cluster, positive where after is better. With few of them all
    patterns are counted; else the drawn pattern counts itself, so that p is never 0 (Phipson & Smyth 2010).
    """
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    observed = float(moved.sum())
    if len(moved) <= ENUMERATE:
        patterns = (np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved))) & 1
        return float(np.mean(observed >= moved.sum() - 2.0 * (patterns @ moved)))
    low = sum(int(np.sum(moved.sum() - 2.0 * (flips @ moved) <= observed)) for flips in _flips(moved, resamples, bits))
    return (low + 1) / (resamples + 1)


def swap(pair: Pair, sign: float, *, resamples: int, bits: np.random.PCG64) -> float:
    """One-sided p of a drop of a corpus metric: before and after of whole clusters change places at random.

    `sign` is 1 where higher is better, else −1.
    """

    def effect(before: Array, after: Array) -> Array:
        b, a = pair.values(before, after)
        return sign * (a - b)

    before, after = pair.before.sum(axis=0), pair.after.sum(axis=0)
    change = pair.after - pair.before
    if not change.any():
        return 1.0
    observed = float(effect(before[None], after[None])[0])
    low = 0
    for flips in _flips(change[:, 0], resamples, bits):
        moved = flips @ change
        low += int(np.sum(effect(before + moved, after - moved) <= observed))
    return (low + 1) / (resamples + 1)


def _flips(like: Array, resamples: int, bits: np.random.PCG64) -> Iterator[Array]:
    """Blocks of shape (draws, len(like)) of random 0 and 1."""
    n = len(like)
    block = max(1, CELLS // n)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        words = np.asarray(bits.random_raw(-(-size * n // 64)), dtype="<u8")
        flat = np.unpackbits(words.view(np.uint8), bitorder="little")[: size * n]
        yield flat.reshape(size, n).astype(np.float64)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Step-down adjusted p values: the chance of any false alarm in the family stays under alpha (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[i])
        adjusted[i] = min(1.0, running)
    return tuple(adjusted)
