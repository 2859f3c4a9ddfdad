"""The packed walk through mlx-lm's Llama."""

from __future__ import annotations

from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from mlx import nn

from runner.engines.backend import on_cpu
from runner.engines.packed import Asking, Attend, Layout, Places, Rotate, attend, run_blocks, turned
from runner.engines.rows import Prompt, Row
from runner.engines.step import Batch
from runner.models.walks import unwalked

STEP = 256  # positions by which the tables grow while answers are written


@dataclass(frozen=True)
class Turns:
    """Rotary positions as tables: cosine and sine [positions, head size / 2]."""

    cosine: mx.array
    sine: mx.array


def turns_of(rope: nn.Module, length: int, size: int) -> Turns | None:
    """The rotations that a rotary module makes, read off its answer to a unit vector.

    None where it pairs neighbours instead of halves, or turns only a part of the head.
    """
    if getattr(rope, "traditional", True) or getattr(rope, "dims", None) != size:
        return None
    unit = mx.concatenate([mx.ones((1, 1, length, size // 2)), mx.zeros((1, 1, length, size // 2))], axis=-1)
    cosine, sine = mx.split(rope(unit)[0, 0], 2, axis=-1)
    mx.eval(cosine, sine)
    return Turns(cosine, sine)


class LlamaWalk:
    """Llama as mlx_lm.models.llama has it: pre-norm blocks, rotary positions by a module, no sliding window."""

    def __init__(self) -> None:
        self._turns: Turns | None = None

    def inputs(
        self, model: nn.Module, rows: tuple[Row, ...], tokens: np.ndarray, places: Places
    ) -> dict[str, mx.array]:
        return self._turned(model, places.position, max(row.length for row in rows))

    def after(self, prompt: Prompt) -> int:
        return len(prompt.tokens)

    def following(self, model: nn.Module, positions: np.ndarray) -> dict[str, mx.array]:
        # a longer table is not made for every token
        return self._turned(model, positions, (int(positions.max()) // STEP + 1) * STEP)

    def _turned(self, model: nn.Module, positions: np.ndarray, length: int) -> dict[str, mx.array]:
        """The rotations of tokens at positions below `length`; nothing where the package's own module makes them."""
        turns = self._table(model, length)
        if turns is None:
            return {}
        index = mx.array(positions)
        dtype = model.model.norm.weight.dtype
        return {name: getattr(turns, name)[index][:, None].astype(dtype) for name in ("cosine", "sine")}

    def hidden(self, model: nn.Module, batch: Batch, attend: Attend = attend) -> mx.array:
        layout: Layout = batch.layout
        cosine, sine = batch.arrays.get("cosine"), batch.arrays.get("sine")

        def attention(attn: nn.Module, x: mx.array, tail: mx.array, tails: bool) -> mx.array:
            q = attn.q_proj(x[tail] if tails else x)
            q = q.reshape(q.shape[0], attn.n_heads, -1)
            k, v = (p(x).reshape(x.shape[0], attn.n_kv_heads, -1) for p in (attn.k_proj, attn.v_proj))
            rotate: Rotate | None = None
            if cosine is None or sine is None:

                def rotate(part: mx.array, offset: int | mx.array) -> mx.array:
                    return attn.rope(part, offset=offset)

            else:
                q = turned(q, cosine[tail], sine[tail]) if tails else turned(q, cosine, sine)
                k = turned(k, cosine, sine)
            return attend(Asking(q, k, v, layout, attn.scale, rotate, tails))

        entered = batch.arrays.get("entered")
        if entered is None:
            entered = model.model.embed_tokens(batch.arrays["tokens"])
        hidden = run_blocks(list(model.model.layers), entered, batch, attention)
        return hidden if layout.stop is not None else model.model.norm(hidden)

    def logits(self, model: nn.Module, hidden: mx.array) -> mx.array:
        if model.args.tie_word_embeddings:
            return model.model.embed_tokens.as_linear(hidden)
        return model.lm_head(hidden)

    @property
    def kept_bytes(self) -> int:
        turns = self._turns
        return turns.cosine.nbytes + turns.sine.nbytes if turns else 0

    def _table(self, model: nn.Module, length: int) -> Turns | None:
        """On the CPU backend rotations are looked up: `mx.fast.rope` computes them again at every call there."""
        if not on_cpu():
            return None
        if self._turns is None or self._turns.cosine.shape[0] < length:
            rope = model.layers[0].self_attn.rope
            self._turns = turns_of(rope, length, getattr(rope, "dims", 0))
        return self._turns


def can_walk(model: nn.Module, config: dict[str, object]) -> str:
    """Why this model cannot be walked; empty where it can."""
    if config.get("model_type") != "llama":
        return f"no fast path for `{config.get('model_type')}`"
    return unwalked(config)
