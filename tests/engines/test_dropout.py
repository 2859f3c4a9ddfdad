"""Keyed dropout: the right share, unbiased, the same mask for the same key."""

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn
from mlx_vlm.models.florence2.vision import DropPath

from runner.engines.dropout import DropoutKeys, KeyedDropout, begin_training


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_expected_value_is_kept(p):
    keys = DropoutKeys()
    layer = KeyedDropout(p, keys)
    keys.current = keys.draw(mx.random.key(1))
    out = np.array(layer(mx.ones((1001, 999))))
    kept = out > 0
    assert abs(kept.mean() - (1 - p)) < 0.003
    assert abs(out.mean() - 1.0) < 0.01


def test_two_modules_and_two_keys_have_masks_of_their_own():
    keys = DropoutKeys()
    one, other = KeyedDropout(0.5, keys), KeyedDropout(0.5, keys)
    x = mx.ones((64, 64))
    keys.current = keys.draw(mx.random.key(1))
    first, again, second = (np.array(layer(x)) for layer in (one, one, other))
    keys.current = keys.draw(mx.random.key(2))
    later = np.array(one(x))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, later)


def test_nothing_is_dropped_outside_training():
    layer = KeyedDropout(0.5, DropoutKeys())
    layer.eval()
    assert np.array_equal(np.array(layer(mx.ones((8,)))), np.ones(8))


def test_a_mask_without_a_key_is_an_error_of_ours():
    with pytest.raises(RuntimeError, match="outside a training step"):
        KeyedDropout(0.5, DropoutKeys())(mx.ones((8,)))


class Base(nn.Module):
    """A frozen base that is another one in training mode, beside a LoRA layer's dropout."""

    def __init__(self):
        super().__init__()
        self.drops, self.paths, self.normalizes = nn.Dropout(0.5), DropPath(0.5), nn.BatchNorm(8)
        self.ours, self.kernel = KeyedDropout(0.5, DropoutKeys()), nn.Linear(8, 8)

    def __call__(self, x):
        return self.normalizes(self.paths(self.drops(self.kernel(x))))


def test_a_frozen_base_computes_the_same_while_its_adapter_is_trained():
    base = Base()
    base.freeze()
    base.eval()
    x = mx.random.normal((4, 8), key=mx.random.key(3))
    before, counted = base(x), np.array(base.normalizes.running_mean)
    begin_training(base)
    assert np.array_equal(np.array(base(x)), np.array(before))
    assert np.array_equal(np.array(base.normalizes.running_mean), counted)
    assert base.ours.training
    assert base.kernel.training  # so that architectures whose kernels have no gradient take another way
