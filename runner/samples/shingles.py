"""Near-duplicate texts: an index of 5-character shingles over the texts held out, asked by every other text.

Exact, not hashed down to sketches: MinHash misses most near-duplicates among short Korean texts, and costs more to ask
(`benchmarks/near.py`). The index holds the held-out texts only, so that its size does not grow with the training data.
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
TEMPLATED = 0.15
_SLOTS = 16  # bits of the sieve for each shingle

Hashes = NDArray[np.uint64]
Positions = NDArray[np.intp]


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


@dataclass(frozen=True)
class Sharing:
    """Held-out texts that share wording with another text, and how much of it."""

    rows: Positions
    shared: Positions  # distinguishing shingles that both have
    smaller: Positions  # distinguishing shingles of the one that has fewer


class ShingleIndex:
    """Held-out texts, bare (`text.bare`), ready to be asked. About 18 bytes a shingle."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self._bits = np.uint64(len(self.texts).bit_length())
        pairs = self._pairs()
        keys = pairs >> self._bits
        owners = (pairs & np.uint64((1 << int(self._bits)) - 1)).astype(np.uint32)
        del pairs
        starts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
        count = np.diff(starts, append=len(keys))
        distinct = keys[starts]
        rare = count <= max(LEAST_COMMON, COMMON * len(self.texts))
        self.templated_share = float(count[~rare].sum()) / max(len(keys), 1)
        del keys
        self._common: Hashes = distinct[~rare]
        self._keys: Hashes = distinct[rare]
        self._owners = owners[np.repeat(rare, count)]
        self._starts = np.concatenate([[0], np.cumsum(count[rare])])
        self._sizes = np.bincount(self._owners, minlength=len(self.texts))
        # A sieve, a bit for each of at least sixteen times as many slots: most shingles of most texts end there.
        self._shift = np.uint64(64 - max(10, (_SLOTS * len(self._keys)).bit_length()))
        slots = self._keys >> (self._shift - self._bits)
        self._sieve = np.zeros(1 << (61 - int(self._shift)), dtype=np.uint8)
        np.bitwise_or.at(self._sieve, slots >> np.uint64(3), _bit(slots))

    def _pairs(self) -> Hashes:
        """Every shingle of every text with its text: the hash's upper bits, then the text's number; sorted."""
        packed = np.empty(sum(max(len(t) - SIZE + 1, 0) for t in self.texts), dtype=np.uint64)
        end = 0
        for number, text in enumerate(self.texts):
            own = np.unique(shingles(text) >> self._bits)
            packed[end : end + len(own)] = own << self._bits | np.uint64(number)
            end += len(own)
        packed = packed[:end]
        packed.sort()
        return packed

    @property
    def is_templated(self) -> bool:
        """Whether most wording is shared by many rows: then rows that differ in a word or a number look alike."""
        return self.templated_share > TEMPLATED

    def __len__(self) -> int:
        """Distinguishing shingles, each counted once."""
        return len(self._keys)

    def common(self, every: Hashes) -> NDArray[np.bool_]:
        """Which of these shingles are wording that many held-out texts share."""
        return np.isin(every >> self._bits, self._common)

    def places(self, every: Hashes) -> Positions:
        """For each of these shingles its place among the distinguishing ones; −1 for one that no held-out text has."""
        if not len(self._keys):
            return np.full(len(every), -1)
        keys = every >> self._bits
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[at] == keys, at, -1)

    def frequencies(self) -> Positions:
        """How many held-out texts have each distinguishing shingle."""
        return np.diff(self._starts)

    def hits(self, every: Hashes) -> Positions:
        """Places of the distinguishing shingles that a text shares with any held-out text."""
        slots = every >> self._shift
        sifted = every[(self._sieve[slots >> np.uint64(3)] & _bit(slots)) != 0]
        at = self.places(np.unique(sifted))
        return at[at >= 0]

    def sharing(self, every: Hashes, hits: Positions) -> Sharing:
        """The held-out texts that share half of the distinguishing shingles, and enough of them."""
        own = np.unique(every)
        distinguishing = len(own) - int(self.common(own).sum())
        owners = np.concatenate([self._owners[self._starts[h] : self._starts[h + 1]] for h in hits])
        if 4 * len(owners) < len(self.texts):
            rows, shared = np.unique(owners, return_counts=True)
        else:
            shared = np.bincount(owners, minlength=len(self.texts))
            rows = np.flatnonzero(shared)
            shared = shared[rows]
        smaller = np.minimum(self._sizes[rows], distinguishing)
        kept = (smaller >= LEAST) & (shared >= CANDIDATE * smaller)
        return Sharing(rows[kept].astype(np.intp), shared[kept], smaller[kept])

    def find(self, text: str, every: Hashes) -> Near | None:
        """The held-out text that `text` (bare) nearly repeats, the most similar one; None if there is none.

        `every` are the text's `shingles`, made once for all indexes. Where the texts are templated, none is found:
        `samples.near` compares those.
        """
        if self.is_templated or not len(self._keys):
            return None
        hits = self.hits(every)
        if len(hits) < LEAST * CANDIDATE:
            return None
        near = self.sharing(every, hits)
        rows = zip(near.rows.tolist(), near.shared.tolist(), near.smaller.tolist(), strict=True)
        found = [n for row, shared, smaller in rows if (n := self._compare(row, text, shared / smaller, smaller))]
        return max(found, key=lambda n: (n.similarity, -n.position), default=None)

    def _compare(self, position: int, text: str, contained: float, smaller: int) -> Near | None:
        similarity = Levenshtein.normalized_similarity(text, self.texts[position], score_cutoff=SIMILAR)
        if similarity >= SIMILAR:
            return Near(position, similarity)
        if contained >= SIMILAR and smaller >= LEAST_CONTAINED:
            return Near(position, contained)
        return None


def _bit(slots: Hashes) -> NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (slots & np.uint64(7)).astype(np.uint8), dtype=np.uint8)
