"""Exact tests of a paired change: McNemar, sign flips, swaps for corpus metrics; and their correction as a family."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from runner.acceptance.effects import Reading, cluster_contrasts
from runner.acceptance.pairs import CELLS, Array, Pair

ENUMERATE = 13  # up to so many differences, all 2**n sign patterns are counted instead of drawn
FINEST = 10.0**9  # steps to which a corpus metric's changes are rounded, so that they add up without error


@dataclass(frozen=True)
class PairedTest:
    """A one-sided p value, and the least that it could have been whatever the signs of the changes."""

    name: str  # mcnemar | sign-flip | swap
    p_value: float
    least: float


def paired_test(
    pair: Pair, reading: Reading, beyond: float, *, toward: int, resamples: int, bits: np.random.PCG64
) -> PairedTest:
    """Test that the change goes further than `beyond`: up where `toward` is 1, down where it is −1; + is better.

    Every cluster counts once, so k of them that moved give no p under 2**-k. Arms change places where `beyond` is 0;
    under another change they are not alike, and each cluster's part of what goes beyond it changes sign.
    """
    if not pair.is_mean and beyond == 0:
        moved = int((pair.after - pair.before).any(axis=1).sum())
        found = swap(pair, -toward * reading.sign, resamples=resamples, bits=bits)
        return _at_least(PairedTest("swap", found, max(0.5**moved, 1 / (resamples + 1))))
    parts = toward * _whole_parts(pair, reading, beyond)
    moved = int(np.count_nonzero(parts))
    if pair.is_binary and beyond == 0:
        return PairedTest("mcnemar", mcnemar(int(np.sum(parts < 0)), int(np.sum(parts > 0))), 0.5**moved)
    found = sign_flip(-parts, resamples=resamples, bits=bits)
    least = 0.5**moved if moved <= ENUMERATE else max(0.5**moved, 1 / (resamples + 1))
    return _at_least(PairedTest("sign-flip", found, least))


def _at_least(test: PairedTest) -> PairedTest:
    """Drawn patterns may say a little less than can be."""
    return PairedTest(test.name, max(test.p_value, test.least), test.least)


def _whole_parts(pair: Pair, reading: Reading, beyond: float) -> Array:
    """What each cluster adds to the change beyond `beyond`, as integers, which add up without error."""
    parts = cluster_contrasts(reading, pair, beyond)
    grid = pair.scale[0] if pair.is_mean else max(*(abs(value) for value in pair.observed()), 1e-9) / FINEST
    return np.asarray(np.rint(parts / grid))


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


def divisor(least: Sequence[float], alpha: float) -> int:
    """By what alpha is divided in a family: the least k of which at most k tests could reach alpha / k at all.

    A test that cannot reach it whatever its data say can raise no false alarm, so it is not counted (Tarone 1990).
    """
    k = 1
    while sum(p <= alpha / k for p in least) > k:
        k += 1
    return k


def step_down(tests: Sequence[PairedTest], alpha: float) -> tuple[float, ...]:
    """Adjusted p values: the chance of any false alarm in the family stays under `alpha`.

    Holm's steps (1979), each with Tarone's divisor for the tests that are left (Hommel & Krummenauer 1998). They are
    compared with this `alpha` and no other.
    """
    order = sorted(range(len(tests)), key=lambda i: tests[i].p_value)
    adjusted = [0.0] * len(tests)
    running = 0.0
    for rank, i in enumerate(order):
        left = [tests[j].least for j in order[rank:]]
        running = max(running, divisor(left, alpha) * tests[i].p_value)
        adjusted[i] = min(1.0, running)
    return tuple(adjusted)
