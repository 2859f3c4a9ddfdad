"""Causal attention for the CPU backend, where softmax costs more than the products around it.

Query heads that share a key head are folded into one long matrix, and queries are cut into pieces that see only the
keys up to their own end, so that about a third of the exponentials of a plain causal attention are never computed.
"""

from __future__ import annotations

from functools import lru_cache

import mlx.core as mx

from runner.engines.exponential import weighted

PIECE = 96  # queries of one piece: small enough to skip much, large enough for the matrix product


def causal_attention(queries: mx.array, keys: mx.array, values: mx.array, *, scale: float) -> mx.array:
    """softmax(scale * q k^T + causal mask) v (Vaswani et al. 2017) with grouped key heads.

    queries [rows, heads, m, size], keys and values [rows, key heads, n, size], m ≤ n: queries are the last m
    positions. Returns [rows, heads, m, size].
    """
    rows, heads, count, size = queries.shape
    key_heads, length = keys.shape[1], keys.shape[2]
    group = heads // key_heads
    folded = (queries * scale).reshape(rows, key_heads, group, count, size)
    ends = [*range(PIECE, count, PIECE), count]
    seen = [length - count + end for end in ends]
    outputs = []
    for q, k, v in zip(mx.split(folded, ends[:-1], axis=3), _growing(keys, seen), _growing(values, seen), strict=True):
        own, before = q.shape[3], k.shape[2]
        scores = q.reshape(rows, key_heads, group * own, size) @ k.swapaxes(-1, -2)
        piece = weighted(scores + _mask(own, before, group, scores.dtype), v)
        outputs.append(piece.reshape(rows, key_heads, group, own, size))
    whole = outputs[0] if len(outputs) == 1 else mx.concatenate(outputs, axis=3)
    return whole.reshape(rows, heads, count, size)


def _growing(x: mx.array, ends: list[int]) -> list[mx.array]:
    """Beginnings of keys or values [rows, heads, n, size], the last of them whole.

    Put together from pieces: the gradient of a concatenation is views, that of a slice is an array of zeros, added.
    """
    pieces = mx.split(x, ends[:-1], axis=2)
    grown = [mx.concatenate(pieces[: i + 1], axis=2) if i else pieces[0] for i in range(len(ends) - 1)]
    return [*grown, x]


@lru_cache(maxsize=256)
def _mask(count: int, seen: int, group: int, dtype: mx.Dtype) -> mx.array:
    """0 where a query may look and -inf elsewhere: [group * count, seen], the last query sees everything."""
    allowed = mx.arange(seen - count, seen)[:, None] >= mx.arange(seen)[None]
    mask = mx.tile(mx.where(allowed, 0.0, -mx.inf).astype(dtype), (group, 1))
    mx.eval(mask)
    return mask
