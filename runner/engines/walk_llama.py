"""The packed walk through mlx-lm's Llama."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
from mlx import nn

from runner.engines.packed import Layout, attend, run_blocks
from runner.engines.rows import Row
from runner.engines.step import Batch


class LlamaWalk:
    """Llama as mlx_lm.models.llama has it: pre-norm blocks, rotary positions by a module, no sliding window."""

    def inputs(self, model: nn.Module, rows: tuple[Row, ...], tokens: np.ndarray) -> dict[str, mx.array]:
        return {}

    def hidden(self, model: nn.Module, batch: Batch) -> mx.array:
        layout: Layout = batch.layout

        def attention(attn: nn.Module, x: mx.array, tail: mx.array, tails: bool) -> mx.array:
            q = attn.q_proj(x[tail] if tails else x)
            q = q.reshape(-1, attn.n_heads, q.shape[-1] // attn.n_heads)
            k, v = (p(x).reshape(x.shape[0], attn.n_kv_heads, -1) for p in (attn.k_proj, attn.v_proj))

            def rotate(queries: mx.array, keys: mx.array) -> tuple[mx.array, mx.array]:
                return attn.rope(queries, offset=keys.shape[2] - queries.shape[2]), attn.rope(keys)

            return attend(q, k, v, layout, scale=attn.scale, rotate=rotate, tails=tails)

        embedded = model.model.embed_tokens(batch.arrays["tokens"])
        return model.model.norm(run_blocks(list(model.model.layers), embedded, batch, attention))

    def logits(self, model: nn.Module, hidden: mx.array) -> mx.array:
        if model.args.tie_word_embeddings:
            return model.model.embed_tokens.as_linear(hidden)
        return model.lm_head(hidden)


def can_walk(model: nn.Module, config: dict[str, object]) -> str:
    """Why this model cannot be walked; empty where it can."""
    if config.get("model_type") != "llama":
        return f"no fast path for `{config.get('model_type')}`"
    if any(layer.use_sliding for layer in model.layers):
        return "it has sliding-window layers"
    return ""
