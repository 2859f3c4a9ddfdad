"""Random streams, each derived from (seed, stream, purpose, indices), so that no library's global generator decides.

Two draws with different names are independent; the same name gives the same numbers in any process, in any order.
"""

from __future__ import annotations

import hashlib

import mlx.core as mx
import numpy as np


def derive(seed: int, stream: str, purpose: str, *indices: int | str) -> int:
    """64 bits of SHA-256 over the names."""
    text = "\x1f".join([str(seed), stream, purpose, *(str(i) for i in indices)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def generator(seed: int, stream: str, purpose: str, *indices: int | str) -> np.random.Generator:
    """A NumPy generator of its own (PCG64)."""
    return np.random.Generator(np.random.PCG64(derive(seed, stream, purpose, *indices)))


def key(seed: int, stream: str, purpose: str, *indices: int | str) -> mx.array:
    """An MLX random key, uint32[2]."""
    return mx.random.key(derive(seed, stream, purpose, *indices))
