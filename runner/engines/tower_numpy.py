"""The walk through Qwen3-VL's vision tower with exponentials made by NumPy, for MLX's CPU backend in float32.

NumPy's `exp` takes 0.5 ns an element where mlx 0.32's `power` takes 4 and its `exp` 12. NumPy can't wait for a lazy
graph, so this serves what is computed at once and never differentiated: the features of images.
"""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np
from mlx import nn

from runner.engines.exponential import is_slow
from runner.engines.tower_qwen3_vl import Places, Tower, is_tanh_gelu, mix

QUERIES = 128  # looked up at a time: their scores stay in the processor's cache
ROWS = 64  # of a feed-forward, for the same reason
LEAST = 128  # patches; of fewer, evaluating block by block costs more than it saves


class NumpyTower(Tower):
    """A `Tower` that evaluates block by block."""

    def _attention(self, attention: nn.Module, x: mx.array, places: Places) -> mx.array:
        if x.shape[0] < LEAST:
            return super()._attention(attention, x, places)
        q, k, v = mix(attention, x, places)
        arrays = [part.transpose(1, 0, 2) for part in (q * attention.scale, k, v)]
        mx.eval(arrays)
        out = softmax_weighted(*(np.asarray(part) for part in arrays))
        return attention.proj(mx.array(out.reshape(x.shape[0], -1)))

    def _mlp(self, mlp: nn.Module, x: mx.array) -> mx.array:
        if x.shape[0] < LEAST or not is_tanh_gelu(mlp.act_fn):
            return super()._mlp(mlp, x)
        inner = mlp.linear_fc1(x)
        mx.eval(inner)
        return mlp.linear_fc2(mx.array(gelu_tanh(np.asarray(inner))))


def tower_for(tower: nn.Module) -> Tower:
    """The faster of both for the tower's type on this backend."""
    slow = is_slow(tower.patch_embed.proj.weight.dtype)
    return (NumpyTower if slow else Tower)(tower)


def softmax_weighted(queries: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """softmax(q k^T) v of each head; all [heads, tokens, size], float32. Returns [tokens, heads, size]."""
    heads, tokens, size = queries.shape
    out = np.empty((tokens, heads, size), np.float32)
    for head in range(heads):
        across, weighed = np.ascontiguousarray(keys[head].T), np.ascontiguousarray(values[head])
        for start in range(0, tokens, QUERIES):
            shares = queries[head, start : start + QUERIES] @ across
            shares -= shares.max(axis=-1, keepdims=True)
            np.exp(shares, out=shares)
            out[start : start + QUERIES, head] = (shares @ weighed) / shares.sum(axis=-1, keepdims=True)
    return out


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """GELU's tanh form (Hendrycks and Gimpel 2016), float32 [rows, width]: x / (1 + e ** -2u)."""
    out = np.empty_like(x)
    for start in range(0, x.shape[0], ROWS):
        part, into = x[start : start + ROWS], out[start : start + ROWS]
        np.multiply(part, part, out=into)
        into *= np.float32(0.044715)
        into += np.float32(1.0)
        into *= part
        into *= np.float32(-2.0 * math.sqrt(2.0 / math.pi))
        with np.errstate(over="ignore"):  # far below 0: x / inf is 0, as it should be
            np.exp(into, out=into)
        into += np.float32(1.0)
        np.divide(part, into, out=into)
    return out
