"""Features of a frozen vision tower, DeepStack's included, computed once an image and kept by the image's digest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx

MEMORY_LIMIT_BYTES = 512 * 2**20

Grid = tuple[int, int, int]


@dataclass(frozen=True)
class Features:
    """What a tower says about one image: merged [tokens, width], and one such array for each DeepStack level."""

    grid: Grid  # frames, height, width in patches
    merged: mx.array
    deepstack: tuple[mx.array, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return int(self.merged.nbytes + sum(d.nbytes for d in self.deepstack))


class FeatureStore:
    """Features by image digest, the most recently used ones in memory."""

    def __init__(self, *, limit_bytes: int = MEMORY_LIMIT_BYTES) -> None:
        self._kept: OrderedDict[str, Features] = OrderedDict()
        self._limit = limit_bytes
        self._bytes = 0
        self.computed = 0

    def get(self, digest: str, compute: Callable[[], Features]) -> Features:
        """The features of an image, computed if they are not there."""
        found = self._kept.get(digest)
        if found is None:
            found = compute()
            self.computed += 1
            self._kept[digest] = found
            self._bytes += found.nbytes
            while self._bytes > self._limit and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= dropped.nbytes
        else:
            self._kept.move_to_end(digest)
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._bytes = 0
