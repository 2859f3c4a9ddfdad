"""Images that look the same: 256-bit difference hashes that differ in few bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

LOOK_BITS = 10  # of 256; two images this close look the same
_CHUNK = 256


def alike(looks: Sequence[bytes], held: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """(position in `looks`, position of the nearest in `held`) of each that looks like one of those held."""
    if not held:
        return
    right = np.frombuffer(b"".join(held), dtype=np.uint64).reshape(len(held), -1)
    for start in range(0, len(looks), _CHUNK):
        chunk = looks[start : start + _CHUNK]
        left = np.frombuffer(b"".join(chunk), dtype=np.uint64).reshape(len(chunk), -1)
        distance = np.bitwise_count(left[:, None, :] ^ right[None, :, :]).sum(axis=2)
        for i in np.flatnonzero(distance.min(axis=1) <= LOOK_BITS):
            yield start + int(i), int(distance[i].argmin())
