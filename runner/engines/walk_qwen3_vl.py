"""The packed walk through mlx-vlm's Qwen3-VL: cached tower features with DeepStack, interleaved M-RoPE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from mlx import nn

from runner.engines.packed import Asking, Attend, Layout, Places, attend, run_blocks, turned
from runner.engines.rows import Prompt, Row
from runner.engines.step import Batch
from runner.engines.tower_qwen3_vl import can_walk_tower
from runner.engines.vision import Features, Grid
from runner.models.walks import unwalked


@dataclass(frozen=True)
class Positions:
    """M-RoPE positions int32[3, tokens] and what to add to a later token's index to get its position."""

    ids: np.ndarray
    delta: int


def positions(tokens: Sequence[int], grids: Sequence[Grid], image_token: int, merge: int) -> Positions:
    """Positions of one row: text counts on, an image's tokens share a start and spread over (frame, row, column).

    As Qwen3-VL's `get_rope_index` for images; each run of image tokens is one grid.
    """
    ids = np.empty((3, len(tokens)), dtype=np.int32)
    place, following, index = 0, 0, 0
    while place < len(tokens):
        if tokens[place] != image_token or index >= len(grids):
            ids[:, place] = following
            place, following = place + 1, following + 1
            continue
        frames, height, width = grids[index][0], grids[index][1] // merge, grids[index][2] // merge
        count = frames * height * width
        spread = np.indices((frames, height, width), dtype=np.int32).reshape(3, count)
        ids[:, place : place + count] = spread + following
        place, following, index = place + count, int(ids[:, place : place + count].max()) + 1, index + 1
    return Positions(ids, following - len(tokens))


class QwenWalk:
    """Qwen3-VL as mlx_vlm.models.qwen3_vl has it; the vision tower is frozen and looked up by image."""

    kept_bytes = 0  # rotations are computed anew for every batch

    def __init__(self, look: Callable[[Prompt, int], Features], image_token: int, merge: int) -> None:
        self._look = look  # (prompt, number of the image in it) → features
        self._image_token = image_token
        self._merge = merge

    def inputs(
        self, model: nn.Module, rows: tuple[Row, ...], tokens: np.ndarray, places: Places
    ) -> dict[str, mx.array]:
        ids = [positions(r.tokens[:-1], r.prompt.grids, self._image_token, self._merge).ids for r in rows]
        starts = np.cumsum([0, *(row.length for row in rows)])[places.row]
        arrays = {"positions": mx.array(np.concatenate(ids, axis=1)[:, None, starts + places.position])}
        seen = [self._look(row.prompt, i) for row in rows for i in range(len(row.prompt.grids))]
        if not seen:
            return arrays
        where = mx.array(np.nonzero(tokens == self._image_token)[0].astype(np.uint32))
        embedded = model.language_model.model.embed_tokens(mx.array(tokens))
        arrays["embedded"] = _placed(embedded, where, [s.merged for s in seen])
        for level in range(len(seen[0].deepstack)):
            arrays[f"deepstack{level}"] = _placed(mx.zeros_like(embedded), where, [s.deepstack[level] for s in seen])
        mx.eval(arrays)
        return arrays

    def after(self, prompt: Prompt) -> int:
        return len(prompt.tokens) + positions(prompt.tokens, prompt.grids, self._image_token, self._merge).delta

    def following(self, model: nn.Module, positions: np.ndarray) -> dict[str, mx.array]:
        return {"positions": mx.array(np.broadcast_to(positions, (3, 1, len(positions))))}

    def hidden(self, model: nn.Module, batch: Batch, attend: Attend = attend) -> mx.array:
        layout: Layout = batch.layout
        language = model.language_model.model
        ids = batch.arrays["positions"]
        given = [batch.arrays[name] for name in ("entered", "embedded") if name in batch.arrays]
        embedded = given[0] if given else language.embed_tokens(batch.arrays["tokens"])
        rotary = language.layers[0].self_attn.rotary_emb
        # both halves of the angles are equal: one of them is enough
        cosine, sine = (turn[0, :, None, : turn.shape[-1] // 2] for turn in rotary(embedded[None], ids))
        tail = batch.arrays["tail"]
        tail_turn = (cosine[tail], sine[tail])

        def attention(attn: nn.Module, x: mx.array, tail: mx.array, tails: bool) -> mx.array:
            q = attn.q_proj(x[tail] if tails else x).reshape(-1, attn.n_heads, attn.head_dim)
            k, v = (p(x).reshape(-1, attn.n_kv_heads, attn.head_dim) for p in (attn.k_proj, attn.v_proj))
            q = turned(attn.q_norm(q), *(tail_turn if tails else (cosine, sine)))
            k = turned(attn.k_norm(k), cosine, sine)
            return attend(Asking(q, k, v, layout, attn.scale, tails=tails))

        def add_deepstack(i: int, x: mx.array) -> mx.array:
            level = batch.arrays.get(f"deepstack{i}")
            return x if level is None else x + level

        hidden = run_blocks(list(language.layers), embedded, batch, attention, add_deepstack)
        return hidden if layout.stop is not None else language.norm(hidden)

    def logits(self, model: nn.Module, hidden: mx.array) -> mx.array:
        language = model.language_model
        if language.args.tie_word_embeddings:
            return language.model.embed_tokens.as_linear(hidden)
        return language.lm_head(hidden)


def can_walk(model: nn.Module, config: dict[str, object]) -> str:
    """Why this model cannot be walked; empty where it can."""
    if config.get("model_type") != "qwen3_vl":
        return f"no fast path for `{config.get('model_type')}`"
    if not can_walk_tower(model.vision_tower):
        return "its patch embedding is packed"
    return unwalked(config)


def _placed(base: mx.array, where: mx.array, parts: list[mx.array]) -> mx.array:
    base[where] = mx.concatenate(parts, axis=0).astype(base.dtype)
    return base
