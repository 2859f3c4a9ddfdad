"""Causal attention in pieces: that of the package, with one mask for all lengths."""

import mlx.core as mx
import numpy as np
import pytest

from runner.engines.attention import PIECE, STEP, causal_attention


def arrays(count, length):
    shapes = [(2, 6, count, 8), (2, 2, length, 8), (2, 2, length, 8)]
    return [mx.random.normal(shape, key=mx.random.key(i)) for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("length", [1, 5, PIECE, PIECE + 1, STEP - PIECE, STEP - PIECE + 1, STEP, STEP + 1, 300])
@pytest.mark.parametrize("left", [0, 4])
def test_it_is_the_packages_causal_attention(length, left):
    q, k, v = arrays(max(1, length - left), length)
    expected = mx.fast.scaled_dot_product_attention(q, k, v, scale=0.3, mask="causal")
    assert np.abs(np.array(causal_attention(q, k, v, scale=0.3)) - np.array(expected)).max() < 1e-5


def test_rows_of_ever_other_lengths_keep_little_memory():
    mx.eval(causal_attention(*arrays(900, 900), scale=0.3))
    mx.clear_cache()
    before = mx.get_active_memory()
    for length in range(700, 900, 7):
        mx.eval(causal_attention(*arrays(length, length), scale=0.3))
    assert mx.get_active_memory() - before < 2 * PIECE * 1024 * 4
