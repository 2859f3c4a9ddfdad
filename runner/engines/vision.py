"""Features of a frozen vision tower, DeepStack's included, computed once an image.

They are kept by the image's digest: the latest in memory, all of them on disk under the tower's digest, within a bound.
Epochs, before and after, and the stages of a chain share them. What is read back is verified; a damaged file is
computed again.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx

from runner.canonical import PREFIX
from runner.engines.digest import digest_arrays
from runner.store.clean import FEATURES

MEMORY_LIMIT_BYTES = 512 * 2**20
DISK_LIMIT_BYTES = 16 * 10**9
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


class FeatureStore:
    """Features by image digest. Without a folder they are in memory only."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        disk_limit_bytes: int = DISK_LIMIT_BYTES,
    ) -> None:
        self._kept: OrderedDict[str, Features] = OrderedDict()
        self._memory_limit, self._disk_limit = memory_limit_bytes, disk_limit_bytes
        self._bytes = 0
        self._folder = folder
        self._on_disk: int | None = None  # bytes; counted when first asked
        self.computed = 0

    def get(self, digest: str, compute: Callable[[], Features]) -> Features:
        """The features of an image, computed if they are nowhere."""
        found = self._kept.get(digest)
        if found is not None:
            self._kept.move_to_end(digest)
            return found
        found = self._read(digest)
        if found is None:
            found = compute()
            self.computed += 1
            self._write(digest, found)
        self._keep(digest, found)
        return found

    def _keep(self, digest: str, features: Features) -> None:
        self._kept[digest] = features
        self._bytes += features.nbytes
        while self._bytes > self._memory_limit and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes

    def _read(self, digest: str) -> Features | None:
        if self._folder is None or not (path := _file(self._folder, digest)).is_file():
            return None
        try:
            arrays, notes = mx.load(str(path), format="safetensors", return_metadata=True)
            grid = tuple(int(n) for n in notes["grid"].split())
            if notes["digest"] != digest_arrays(arrays) or len(grid) != 3:
                return None
            levels = tuple(arrays[f"deepstack{i}"] for i in range(len(arrays) - 1))
            return Features((grid[0], grid[1], grid[2]), arrays["merged"], levels)
        except (RuntimeError, ValueError, KeyError, OSError):
            return None  # damaged: it is computed again and written over

    def _write(self, digest: str, features: Features) -> None:
        if self._folder is None:
            return
        if self._on_disk is None:
            self._on_disk = sum(p.stat().st_size for p in self._folder.parent.rglob("*.safetensors"))
        if self._on_disk + features.nbytes > self._disk_limit:
            return
        arrays = {"merged": features.merged} | {f"deepstack{i}": d for i, d in enumerate(features.deepstack)}
        notes = {"digest": digest_arrays(arrays), "grid": " ".join(str(n) for n in features.grid)}
        path = _file(self._folder, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{secrets.token_hex(6)}.tmp.safetensors")
        try:
            mx.save_safetensors(str(temporary), arrays, metadata=notes)
            # no fsync: a file that did not reach the medium is found damaged and computed again
            temporary.replace(path)
            self._on_disk += features.nbytes
        except (RuntimeError, OSError):  # a full disk only costs time here
            temporary.unlink(missing_ok=True)
            self._disk_limit = 0


def _file(folder: Path, digest: str) -> Path:
    name = digest.removeprefix(PREFIX)
    return folder / name[:2] / f"{name}.safetensors"
