"""Features of a frozen vision tower, DeepStack's included, computed once an image.

They are kept by the image's digest: the latest in memory, all of them on disk under the tower's digest, within a bound.
Epochs, before and after, and the stages of a chain share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx

from runner.engines.kept import Arrays, KeptStore
from runner.store.clean import FEATURES

MEMORY_LIMIT_BYTES = 512 * 2**20
DISK_LIMIT_BYTES = 16 * 10**9
VERSION = 3  # of how features are computed
FOLDER = FEATURES  # below the project's root; `lorarun clean` may remove it at any time

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


class FeatureStore(KeptStore[Features]):
    """Features by image digest. Without a folder they are in memory only."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        disk_limit_bytes: int = DISK_LIMIT_BYTES,
    ) -> None:
        limits = {"memory_limit_bytes": memory_limit_bytes, "disk_limit_bytes": disk_limit_bytes}
        super().__init__(_packed, _unpacked, folder, **limits)


def _packed(features: Features) -> Arrays:
    levels = {f"deepstack{i}": level for i, level in enumerate(features.deepstack)}
    return {"grid": mx.array(features.grid, mx.int32), "merged": features.merged} | levels


def _unpacked(arrays: Arrays) -> Features:
    frames, height, width = (int(n) for n in arrays["grid"].tolist())
    levels = tuple(arrays[f"deepstack{i}"] for i in range(len(arrays) - 2))
    return Features((frames, height, width), arrays["merged"], levels)
