"""Near-duplicate texts: an index of 5-character shingles over the texts held out, asked by every other text.

Exact, not hashed down to sketches: MinHash misses most near-duplicates among short Korean texts. The index holds the
held-out texts only, so that its size does not grow with the training data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

SIZE = 5  # characters
LEAST = 6  # distinguishing shingles; shorter texts are left to the exact comparisons
LEAST_CONTAINED = 20
CANDIDATE = 0.5  # share of distinguishing shingles that makes a pair worth comparing
SIMILAR = 0.8  # edit similarity, or share of a longer text's shingles, of a near-duplicate
COMMON = 0.02  # a shingle in more of the texts than this is wording that all rows share
LEAST_COMMON = 5
TEMPLATED = 0.5

Hashes = NDArray[np.uint64]


def shingles(text: str) -> Hashes:
    """Hashes of the text's 5-character pieces, in order, with repeats; a shorter text has none."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    if len(points) < SIZE:
        return np.empty(0, dtype=np.uint64)
    total = points[: len(points) - SIZE + 1].copy()
    for i in range(1, SIZE):
        total *= np.uint64(0x100000001B3)
        total += points[i : len(points) - SIZE + 1 + i]
    total ^= total >> np.uint64(29)
    total *= np.uint64(0x9E3779B97F4A7C15)
    return total


@dataclass(frozen=True)
class Near:
    """A held-out text (its position in the index) that another text nearly repeats."""

    position: int
    similarity: float


class ShingleIndex:
    """Held-out texts, bare (`text.bare`), ready to be asked."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = tuple(texts)
        each = [np.unique(shingles(text)) for text in texts]
        hashes = np.concatenate(each) if each else np.empty(0, dtype=np.uint64)
        owners = np.repeat(np.arange(len(each), dtype=np.uint32), [len(h) for h in each])
        order = np.argsort(hashes, kind="stable")
        hashes, owners = hashes[order], owners[order]
        distinct, start, count = np.unique(hashes, return_index=True, return_counts=True)
        rare = count <= max(LEAST_COMMON, COMMON * len(each))
        self._common: Hashes = distinct[~rare]
        self._hashes: Hashes = distinct[rare]
        self._start, self._count, self._owners = start[rare], count[rare], owners
        self._sizes = np.bincount(owners[np.repeat(rare, count)], minlength=len(each))
        # A sieve, one byte for each of at least sixteen times as many slots: most shingles of most texts end there.
        self._shift = np.uint64(64 - max(10, (16 * len(self._hashes)).bit_length()))
        self._sieve = np.zeros(1 << (64 - int(self._shift)), dtype=np.bool_)
        self._sieve[self._hashes >> self._shift] = True
        self.templated_share = float(count[~rare].sum()) / max(len(hashes), 1)

    @property
    def is_templated(self) -> bool:
        """Whether most wording is shared by many rows: then rows that differ in a word or a number look alike."""
        return self.templated_share > TEMPLATED

    def find(self, text: str, every: Hashes) -> Near | None:
        """The held-out text that `text` (bare) nearly repeats, the most similar one; None if there is none.

        `every` are the text's `shingles`, made once for all indexes.
        """
        if self.is_templated or not len(self._hashes):
            return None
        own = np.unique(every[self._sieve[every >> self._shift]])
        if len(own) < LEAST * CANDIDATE:
            return None
        at = np.minimum(np.searchsorted(self._hashes, own), len(self._hashes) - 1)
        hits = at[self._hashes[at] == own]
        if len(hits) < LEAST * CANDIDATE:
            return None
        all_own = np.unique(every)
        distinguishing = len(all_own) - int(np.isin(all_own, self._common, assume_unique=True).sum())
        owners = np.concatenate([self._owners[self._start[h] : self._start[h] + self._count[h]] for h in hits])
        shared = np.bincount(owners, minlength=len(self._sizes))
        smaller = np.minimum(self._sizes, distinguishing)
        candidates = np.flatnonzero((smaller >= LEAST) & (shared >= CANDIDATE * smaller))
        found = [n for c in candidates if (n := self._compare(int(c), text, shared[c] / smaller[c], int(smaller[c])))]
        return max(found, key=lambda n: (n.similarity, -n.position), default=None)

    def _compare(self, position: int, text: str, contained: float, smaller: int) -> Near | None:
        similarity = Levenshtein.normalized_similarity(text, self._texts[position], score_cutoff=SIMILAR)
        if similarity >= SIMILAR:
            return Near(position, similarity)
        if contained >= SIMILAR and smaller >= LEAST_CONTAINED:
            return Near(position, contained)
        return None
