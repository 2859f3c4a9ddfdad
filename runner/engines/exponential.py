"""What is made of exponentials, for MLX's CPU backend in float32, where they cost more than the products around them.

mlx 0.32's `exp` takes about 12 ns an element there, `power` 4 ns; e to fewer digits is wrong by 3e-8 |x|, below a
float32's rounding for all |x| that weigh anything. Elsewhere the package's own operations stand.
"""

from __future__ import annotations

import math

import mlx.core as mx
from mlx import nn

from runner.engines.backend import on_cpu


def is_slow(dtype: mx.Dtype) -> bool:
    """Whether exponentials of this type are better made here."""
    return on_cpu() and bool(dtype == mx.float32)


def exp(x: mx.array) -> mx.array:
    """e ** x, float32."""
    return mx.power(mx.array(math.e, mx.float32), x)


def sigmoid(x: mx.array) -> mx.array:
    """1 / (1 + e ** -x), float32. Not to be differentiated where e ** -x may overflow."""
    return 1.0 / (1.0 + mx.power(mx.array(1.0 / math.e, mx.float32), x))


def swiglu(gate: mx.array, up: mx.array) -> mx.array:
    """silu(gate) * up (Shazeer 2020).

    The derivative is written out with the value, so that two arrays are kept for the backward pass in place of four.
    """
    if not is_slow(gate.dtype):
        return nn.silu(gate) * up
    x = mx.stop_gradient(gate)
    share = sigmoid(x)
    silu = x * share
    slope = (share + silu * (1.0 - share)) * mx.stop_gradient(up)
    return up * silu + (gate - x) * slope


def gelu_tanh(x: mx.array) -> mx.array:
    """GELU's tanh form (Hendrycks and Gimpel 2016): x sigmoid(2 u), for (1 + tanh(u)) / 2 is sigmoid(2 u). Forward
    only."""
    inner = (2.0 * math.sqrt(2.0 / math.pi)) * x * (1.0 + 0.044715 * (x * x))
    return x * sigmoid(inner)


def weighted(scores: mx.array, values: mx.array) -> mx.array:
    """softmax(scores) @ values over the last axis of `scores`; masked scores are -inf.

    The shares' sum divides the product, which is smaller than the shares.
    """
    if not is_slow(scores.dtype):
        return mx.softmax(scores, axis=-1, precise=True) @ values
    shares = exp(scores - mx.stop_gradient(scores.max(axis=-1, keepdims=True)))
    return (shares @ values) * (1.0 / shares.sum(axis=-1, keepdims=True))


def log_sum_exp(logits: mx.array) -> mx.array:
    """log of the sum of e ** logits over the last axis."""
    if not is_slow(logits.dtype):
        return mx.logsumexp(logits, axis=-1)
    most = mx.stop_gradient(logits.max(axis=-1, keepdims=True))
    return mx.log(exp(logits - most).sum(axis=-1)) + most[..., 0]
