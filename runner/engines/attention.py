"""Causal attention for the CPU backend, where softmax costs more than the products around it.

Query heads that share a key head are folded into one long matrix, and queries are cut into pieces that see only the
keys up to their own end, so that about a third of the exponentials of a plain causal attention are never computed.
"""

from __future__ import annotations

from functools import lru_cache

import mlx.core as mx

from runner.engines.exponential import weighted

STEP = 256  # keys by which the mask grows
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
    mask = _mask(-(-(length + PIECE) // STEP) * STEP, queries.dtype)
    outputs = []
    for q, k, v in zip(mx.split(folded, ends[:-1], axis=3), _growing(keys, seen), _growing(values, seen), strict=True):
        own, before = q.shape[3], k.shape[2]
        scores = q.reshape(rows, key_heads, group * own, size) @ k.swapaxes(-1, -2)
        masked = scores.reshape(rows, key_heads, group, own, before) + _part(mask, own, before)
        piece = weighted(masked.reshape(scores.shape), v)
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


@lru_cache(maxsize=4)
def _mask(length: int, dtype: mx.Dtype) -> mx.array:
    """0 where a query of a piece may look and -inf elsewhere: [PIECE, length], the last query sees everything."""
    allowed = mx.arange(length - PIECE, length)[:, None] >= mx.arange(length)[None]
    mask = mx.where(allowed, 0.0, -mx.inf).astype(dtype)
    mx.eval(mask)
    return mask


def _part(mask: mx.array, count: int, seen: int) -> mx.array:
    """The mask of `count` queries and `seen` keys, a view: so one is kept, and not one for each length of a row."""
    start = mask.shape[1] - PIECE - (seen - count)
    return mask[:count, start : start + seen]
