"""Exponentials by powers: the package's own values and gradients, also where it is extreme."""

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn

from runner.engines import exponential

WIDE = mx.array(np.linspace(-30, 30, 2001, dtype=np.float32).reshape(3, 667))
EXTREME = mx.array([[-1e4, -200.0, -90.0, 0.0, 90.0, 200.0, 1e4]])


def close(one, other, tolerance=1e-6):
    one, other = np.array(one), np.array(other)
    assert np.isfinite(one).all()
    assert np.abs(one - other).max() <= tolerance * max(1.0, np.abs(other).max())


def both(ours, theirs, *inputs):
    """Values and gradients of two functions, as seen through the same random direction."""
    direction = mx.random.normal(theirs(*inputs).shape, key=mx.random.key(0))
    places = list(range(len(inputs)))
    for function in (ours, theirs):
        seen = mx.value_and_grad(lambda *x, f=function: (f(*x) * direction).sum(), places)
        value, gradients = seen(*inputs)
        yield (function(*inputs), value, *gradients)


@pytest.mark.parametrize("gate", [WIDE, EXTREME], ids=["wide", "extreme"])
def test_swiglu_and_its_gradients_are_the_packages(gate):
    up = mx.random.normal(gate.shape, key=mx.random.key(1))
    for one, other in zip(*both(exponential.swiglu, lambda g, u: nn.silu(g) * u, gate, up), strict=True):
        close(one, other)


def test_weighted_values_are_those_of_a_softmax_masked_or_not():
    scores = WIDE + mx.where(mx.arange(667) > 500, -mx.inf, 0.0)
    values = mx.random.normal((667, 8), key=mx.random.key(2))
    made = both(exponential.weighted, lambda s, v: mx.softmax(s, axis=-1) @ v, scores, values)
    for one, other in zip(*made, strict=True):
        close(one, other)


def test_the_log_of_a_sum_is_the_packages():
    for logits in (WIDE, 30 * WIDE, EXTREME):
        for one, other in zip(*both(exponential.log_sum_exp, lambda x: mx.logsumexp(x, axis=-1), logits), strict=True):
            close(one, other)


def test_gelu_is_the_packages_tanh_form():
    for x in (WIDE, EXTREME):
        close(exponential.gelu_tanh(x), nn.gelu_approx(x))


def test_other_types_take_the_packages_own_way():
    half = WIDE.astype(mx.bfloat16)
    assert mx.array_equal(exponential.swiglu(half, half), nn.silu(half) * half)
    assert mx.array_equal(exponential.log_sum_exp(half), mx.logsumexp(half, axis=-1))
    assert not exponential.is_slow(mx.bfloat16)
