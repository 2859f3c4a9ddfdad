"""A walk through Qwen3-VL's vision tower, one image at a time: what depends on the image's size alone is kept a while.

The package computes positions anew for every image, through Python lists, and patches by a 3-D convolution that the CPU
backend is slow at; a kernel as large as its stride is a matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import mlx.core as mx
from mlx import nn

from runner.engines.backend import on_cpu
from runner.engines.exponential import gelu_tanh, is_slow, weighted
from runner.engines.vision import Features, Grid

SIZES = 4  # of images, whose places are kept: 7 MB for 3,100 patches of a tower of width 1,152


@dataclass(frozen=True)
class Places:
    """Position embedding [patches, width], and rotations [patches, 1, head size / 2]."""

    embedding: mx.array
    cosine: mx.array
    sine: mx.array


class Tower:
    """The frozen tower of a loaded Qwen3-VL."""

    def __init__(self, tower: nn.Module) -> None:
        self._tower = tower
        self._at = lru_cache(maxsize=SIZES)(self._places)
        projection = tower.patch_embed.proj
        weight = projection.weight  # [width, frames, height, width of a patch, channels]
        self._weight = weight.transpose(0, 4, 1, 2, 3).reshape(weight.shape[0], -1).T
        self._bias = projection.bias
        mx.eval(self._weight)

    def features(self, patches: mx.array, grid: Grid) -> Features:
        """Features of one image: patches [patches, values] in the processor's order."""
        tower, places = self._tower, self._at(grid)
        hidden = patches.astype(self._weight.dtype) @ self._weight + self._bias + places.embedding
        levels: dict[int, mx.array] = {}
        for i, block in enumerate(tower.blocks):
            hidden = hidden + self._attention(block.attn, block.norm1(hidden), places)
            hidden = hidden + self._mlp(block.mlp, block.norm2(hidden))
            if i in tower.deepstack_visual_indexes:
                number = tower.deepstack_visual_indexes.index(i)
                levels[number] = tower.deepstack_merger_list[number](hidden)
        merged = tower.merger(hidden)
        deepstack = tuple(levels[n] for n in sorted(levels))
        mx.eval(merged, deepstack)
        return Features(grid, merged, deepstack)

    def _attention(self, attention: nn.Module, x: mx.array, places: Places) -> mx.array:
        q, k, v = (part.transpose(1, 0, 2)[None] for part in mix(attention, x, places))
        if on_cpu():
            out = weighted((q * attention.scale) @ k.swapaxes(-1, -2), v)
        else:
            out = mx.fast.scaled_dot_product_attention(q, k, v, scale=attention.scale)
        return attention.proj(out[0].transpose(1, 0, 2).reshape(x.shape[0], -1))

    def _mlp(self, mlp: nn.Module, x: mx.array) -> mx.array:
        if not is_slow(x.dtype) or not is_tanh_gelu(mlp.act_fn):
            return mlp(x)
        return mlp.linear_fc2(gelu_tanh(mlp.linear_fc1(x)))

    def forget(self) -> None:
        """Keep nothing of images seen before."""
        self._at.cache_clear()

    def _places(self, grid: Grid) -> Places:
        one = mx.array([grid])
        angles = self._tower.rot_pos_emb(one)
        dtype = self._weight.dtype
        places = Places(
            self._tower.fast_pos_embed_interpolate(one).astype(dtype),
            mx.cos(angles)[:, None].astype(dtype),
            mx.sin(angles)[:, None].astype(dtype),
        )
        mx.eval(places.embedding, places.cosine, places.sine)
        return places


def can_walk_tower(tower: nn.Module) -> bool:
    """Whether the tower is as `Tower` expects it; quantized patch embeddings, say, are not."""
    return isinstance(tower.patch_embed.proj, nn.Conv3d)


def is_tanh_gelu(activation: nn.Module) -> bool:
    """Whether an activation is GELU's tanh form."""
    return getattr(activation, "_approx", "") in ("tanh", "precise")


def mix(attention: nn.Module, x: mx.array, places: Places) -> tuple[mx.array, mx.array, mx.array]:
    """Queries, keys and values of an attention [patches, heads, head size], positions turned in."""
    mixed = attention.qkv(x).reshape(x.shape[0], 3, attention.num_heads, -1)
    return _turned(mixed[:, 0], places), _turned(mixed[:, 1], places), mixed[:, 2]


def _turned(x: mx.array, places: Places) -> mx.array:
    first, second = mx.split(x, 2, axis=-1)
    cosine, sine = places.cosine, places.sine
    return mx.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)
