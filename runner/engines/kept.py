"""What was computed once and is looked up from then on: the latest in memory, all of it on disk, both within bounds.

What is read back is verified; a damaged file is computed again and written over.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import mlx.core as mx

from runner.canonical import PREFIX
from runner.engines.digest import digest_arrays
from runner.machine.disk import free_bytes

LEFT_FREE_BYTES = 10**9  # of the disk: checkpoints and results need it, and what is kept here only saves time

T = TypeVar("T")
Arrays = dict[str, mx.array]


class KeptStore(Generic[T]):
    """Values by digest. Without a folder they are in memory only.

    `pack` gives a value's arrays, `unpack` a value of them; it raises ValueError or KeyError where they are none. The
    bound on disk counts all folders beside `folder`, too. Nothing is written that leaves less than 1 GB free.
    """

    def __init__(
        self,
        pack: Callable[[T], Arrays],
        unpack: Callable[[Arrays], T],
        folder: Path | None = None,
        *,
        memory_limit_bytes: int,
        disk_limit_bytes: int,
    ) -> None:
        self._pack, self._unpack = pack, unpack
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._memory_limit, self._disk_limit = memory_limit_bytes, disk_limit_bytes
        self._bytes = 0
        self._folder = folder
        self._on_disk: int | None = None  # bytes; counted when first asked
        self.computed = 0

    def get(self, digest: str, compute: Callable[[], T]) -> T:
        """The value of this digest, computed if it is nowhere."""
        found = self._kept.get(digest)
        if found is not None:
            self._kept.move_to_end(digest)
            return found
        found = self._read(digest)
        if found is None:
            found = compute()
            self.computed += 1
            self._write(digest, self._pack(found))
        self._keep(digest, found)
        return found

    def forget(self) -> None:
        """Hold nothing in memory; what is on disk stays."""
        self._kept.clear()
        self._bytes = 0

    def _keep(self, digest: str, value: T) -> None:
        self._kept[digest] = value
        self._bytes += _bytes_of(self._pack(value))
        while self._bytes > self._memory_limit and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= _bytes_of(self._pack(dropped))

    def _read(self, digest: str) -> T | None:
        if self._folder is None or not (path := _file(self._folder, digest)).is_file():
            return None
        try:
            arrays, notes = mx.load(str(path), format="safetensors", return_metadata=True)
            return self._unpack(arrays) if notes["digest"] == digest_arrays(arrays) else None
        except (RuntimeError, ValueError, KeyError, OSError):
            return None  # damaged: it is computed again and written over

    def _write(self, digest: str, arrays: Arrays) -> None:
        if self._folder is None:
            return
        if self._on_disk is None:
            self._on_disk = sum(p.stat().st_size for p in self._folder.parent.rglob("*.safetensors"))
        size = _bytes_of(arrays)
        if self._on_disk + size > self._disk_limit or free_bytes(self._folder) - size < LEFT_FREE_BYTES:
            return
        path = _file(self._folder, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{secrets.token_hex(6)}.tmp.safetensors")
        try:
            mx.save_safetensors(str(temporary), arrays, metadata={"digest": digest_arrays(arrays)})
            # no fsync: a file that did not reach the medium is found damaged and computed again
            temporary.replace(path)
            self._on_disk += size
        except (RuntimeError, OSError):  # a full disk only costs time here
            temporary.unlink(missing_ok=True)
            self._disk_limit = 0


def _bytes_of(arrays: Mapping[str, mx.array]) -> int:
    return int(sum(array.nbytes for array in arrays.values()))


def _file(folder: Path, digest: str) -> Path:
    name = digest.removeprefix(PREFIX)
    return folder / name[:2] / f"{name}.safetensors"
