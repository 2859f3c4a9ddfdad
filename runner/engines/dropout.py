"""LoRA dropout whose masks come from keys that the loop hands out, not from MLX's global generator.

So a mask depends on (seed, stream, update, micro-batch, module) alone: validation cannot shift it, a resumed run
draws the same, and a layer that is recomputed under gradient checkpointing sees the mask of its first pass.
"""

from __future__ import annotations

import math

import mlx.core as mx
from mlx import nn

# What draws from MLX's global generator in training mode, or takes and counts the statistics of its batch.
_UNSTEADY = (nn.Dropout, nn.Dropout2d, nn.Dropout3d, nn.BatchNorm)
_STOCHASTIC_DEPTH = "DropPath"  # packages write their own: mlx-vlm 0.7 in florence2
_LEVELS = 1 << 16  # masks are drawn from 16 random bits an element: half of bernoulli's cost


class DropoutKeys:
    """The keys of one micro-batch: one row of `current` (uint32[modules, 2]) for each dropout module."""

    def __init__(self) -> None:
        self.modules = 0
        self.current: mx.array | None = None

    def enroll(self) -> int:
        """The index of one more module."""
        self.modules += 1
        return self.modules - 1

    def draw(self, key: mx.array) -> mx.array:
        """Keys for all modules out of one key; uint32[max(1, modules), 2]."""
        return mx.random.split(key, max(1, self.modules))


class KeyedDropout(nn.Dropout):
    """`nn.Dropout` (Srivastava et al. 2014, inverted) with a key of its own.

    The keep probability is rounded to a multiple of 2**-16 and the kept values are scaled by its exact inverse, so
    the expectation is unbiased.
    """

    def __init__(self, p: float, keys: DropoutKeys) -> None:
        super().__init__(p)
        self._threshold = round((1.0 - p) * _LEVELS)
        self._keys = keys
        self._index = keys.enroll()

    def __call__(self, x: mx.array) -> mx.array:
        if not self.training or self._threshold == _LEVELS:
            return x
        if self._keys.current is None:
            raise RuntimeError("dropout was asked for a mask outside a training step")
        kept = keep_mask(x.shape, self._threshold, self._keys.current[self._index])
        return (kept * x) * (_LEVELS / self._threshold)


def begin_training(model: nn.Module) -> None:
    """Put a model with LoRA layers into training mode, all but what would make its frozen base another one there.

    The rest of the base is in training mode too: several architectures take kernels without gradients otherwise.
    """
    model.train()
    for module in model.modules():
        ours = isinstance(module, KeyedDropout)
        if not ours and (isinstance(module, _UNSTEADY) or type(module).__name__ == _STOCHASTIC_DEPTH):
            module.eval()


def keep_mask(shape: tuple[int, ...] | list[int], threshold: int, key: mx.array) -> mx.array:
    """bool array of `shape`, True with probability threshold / 2**16.

    `mx.random.split` is MLX's way to raw bits: 64 of them a row, read as four 16-bit numbers.
    """
    size = math.prod(shape)
    words = mx.random.split(key, (size + 3) // 4).reshape(-1).view(mx.uint16)
    return (words[:size] < threshold).reshape(shape)
