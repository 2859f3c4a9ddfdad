"""Causal attention for the CPU backend, where softmax costs more than the products around it.

Query heads that share a key head are folded into one long matrix, and queries are cut into pieces that see only the
keys up to their own end, so that about a third of the exponentials of a plain causal attention are never computed.
"""

from __future__ import annotations

from functools import lru_cache

import mlx.core as mx

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
    outputs = []
    for start in range(0, count, PIECE):
        end = min(count, start + PIECE)
        seen = length - count + end
        q = folded[..., start:end, :].reshape(rows, key_heads, group * (end - start), size)
        scores = q @ keys[:, :, :seen].swapaxes(-1, -2)
        weights = mx.softmax(scores + _mask(end - start, seen, group, scores.dtype), axis=-1, precise=True)
        piece = weights @ values[:, :, :seen]
        outputs.append(piece.reshape(rows, key_heads, group, end - start, size))
    whole = outputs[0] if len(outputs) == 1 else mx.concatenate(outputs, axis=3)
    return whole.reshape(rows, heads, count, size)


@lru_cache(maxsize=256)
def _mask(count: int, seen: int, group: int, dtype: mx.Dtype) -> mx.array:
    """0 where a query may look and -inf elsewhere: [group * count, seen], the last query sees everything."""
    allowed = mx.arange(seen - count, seen)[:, None] >= mx.arange(seen)[None]
    mask = mx.tile(mx.where(allowed, 0.0, -mx.inf).astype(dtype), (group, 1))
    mx.eval(mask)
    return mask
