"""A batched forward pass of Qwen3-VL for pretraining: the same parameters and maths as mlx-vlm's model, for pictures
of one size behind one prompt. mlx-vlm's own pass recomputes positions and runs its vision tower row by row."""

from __future__ import annotations

import data.build_demo.blas  # noqa: F401  before mlx.core

# isort: split
import mlx.core as mx
import mlx.nn as nn
import numpy as np

from data.build_demo.checkpoints import PATCH
from data.build_demo.picture import HEIGHT, WIDTH

_MERGE = 2


def patches(pictures: np.ndarray) -> np.ndarray:
    """(n, HEIGHT, WIDTH, 3) uint8 → (n, patches, 3·2·PATCH²), in the order of mlx-vlm's image processor."""
    n, p = len(pictures), PATCH
    scaled = (pictures.astype(np.float32) / 255 - 0.5) / 0.5
    x = scaled.transpose(0, 3, 1, 2)
    x = x.reshape(n, 3, HEIGHT // (_MERGE * p), _MERGE, p, WIDTH // (_MERGE * p), _MERGE, p)
    x = x.transpose(0, 2, 5, 3, 6, 1, 4, 7)  # n, grid row, grid column, merge row, merge column, channel, y, x
    x = np.repeat(x[:, :, :, :, :, :, None], 2, axis=6)  # a still picture is two equal frames
    return x.reshape(n, (HEIGHT // p) * (WIDTH // p), -1)


class FastQwen:
    """`model` with everything precomputed that depends only on picture size and prompt."""

    def __init__(self, model: nn.Module, grid: np.ndarray, prompt: list[int]) -> None:
        tower = model.vision_tower
        self.model = model
        self.grid = mx.array([[int(v) for v in grid]])
        self.patches = int(np.prod(grid))
        self.tokens = self.patches // _MERGE**2
        self.start = prompt.index(model.config.image_token_id)
        weight = tower.pos_embed.weight
        # interpolating the identity gives the matrix that interpolates any table, so that gradients reach the table
        tower.pos_embed.weight = mx.eye(weight.shape[0])
        self.interpolation = tower.fast_pos_embed_interpolate(self.grid)
        mx.eval(self.interpolation)
        tower.pos_embed.weight = weight
        angles = tower.rot_pos_emb(self.grid)
        angles = mx.concatenate([angles, angles], -1)
        self.cos, self.sin = mx.cos(angles)[None, :, None], mx.sin(angles)[None, :, None]
        self.positions: dict[int, mx.array] = {}

    def _rotate(self, x: mx.array) -> mx.array:
        half = x.shape[-1] // 2
        return x * self.cos + mx.concatenate([-x[..., half:], x[..., :half]], -1) * self.sin

    def _attend(self, attention: nn.Module, x: mx.array) -> mx.array:
        n = x.shape[0]
        parts = mx.split(attention.qkv(x).reshape(n, self.patches, 3, attention.num_heads, -1), 3, axis=2)
        q, k, v = (part.squeeze(2) for part in parts)
        q, k, v = (t.transpose(0, 2, 1, 3) for t in (self._rotate(q), self._rotate(k), v))
        out = mx.fast.scaled_dot_product_attention(q, k, v, scale=attention.scale)
        return attention.proj(out.transpose(0, 2, 1, 3).reshape(n, self.patches, -1))

    def see(self, pixels: mx.array) -> tuple[mx.array, list[mx.array]]:
        """Picture features (n, tokens, hidden) and the DeepStack features of each tapped layer."""
        tower, n = self.model.vision_tower, pixels.shape[0]
        embed = tower.patch_embed.proj
        kernel = embed.weight.transpose(0, 4, 1, 2, 3).reshape(embed.weight.shape[0], -1)
        hidden = (pixels @ kernel.T + embed.bias).reshape(n, self.patches, -1)
        hidden = hidden + (self.interpolation @ tower.pos_embed.weight)[None]
        deep, taps = [], list(tower.deepstack_visual_indexes)
        for i, block in enumerate(tower.blocks):
            hidden = hidden + self._attend(block.attn, block.norm1(hidden))
            hidden = hidden + block.mlp(block.norm2(hidden))
            if i in taps:
                merged = tower.deepstack_merger_list[taps.index(i)](hidden.reshape(n * self.patches, -1))
                deep.append(merged.reshape(n, self.tokens, -1))
        return tower.merger(hidden.reshape(n * self.patches, -1)).reshape(n, self.tokens, -1), deep

    def _insert(self, hidden: mx.array, features: mx.array) -> mx.array:
        end = self.start + self.tokens
        return mx.concatenate([hidden[:, : self.start], features, hidden[:, end:]], 1)

    def __call__(self, ids: mx.array, pixels: mx.array) -> mx.array:
        """Logits (n, length, vocabulary)."""
        n, length = ids.shape
        language = self.model.language_model
        body = language.model
        features, deep = self.see(pixels)
        hidden = self._insert(body.embed_tokens(ids), features)
        if length not in self.positions:
            self.positions[length], _ = language.get_rope_index(ids[:1], self.grid)
            mx.eval(self.positions[length])
        positions = mx.broadcast_to(self.positions[length], (3, n, length))
        rotary = body.layers[0].self_attn.rotary_emb
        embeddings = None if rotary.fused_apply else rotary(hidden, positions)
        end = self.start + self.tokens
        for i, layer in enumerate(body.layers):
            hidden = layer(hidden, "causal", None, positions, embeddings)
            if i < len(deep):
                hidden = self._insert(hidden, hidden[:, self.start : end] + deep[i])
        return body.embed_tokens.as_linear(body.norm(hidden))
