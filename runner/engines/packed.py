"""Rows of one micro-batch side by side, without a pad token: linear layers see one long sequence, attention is kept
apart, and only label positions reach the last block's feed-forward and the vocabulary.

The same sums as the plain path, in another grouping. Which architectures can be walked this way is said by the
`Walk`s (walk_llama, walk_qwen3_vl).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import mlx.core as mx
import numpy as np
from mlx import nn

from runner.engines.attention import causal_attention
from runner.engines.backend import on_cpu
from runner.engines.head import cross_entropy_sum
from runner.engines.remat import recomputed
from runner.engines.rows import Row
from runner.engines.step import Batch


@dataclass(frozen=True)
class Group:
    """Rows of equal length that lie side by side."""

    rows: int
    length: int  # tokens of each
    tail: int  # the last so many positions of each row hold all its labels


@dataclass(frozen=True)
class Layout:
    """How the packed sequence is cut into rows."""

    groups: tuple[Group, ...]
    recompute: bool = False  # each block is computed again for its backward pass

    @property
    def tokens(self) -> int:
        """Tokens of the packed sequence."""
        return sum(g.rows * g.length for g in self.groups)


Rotate = Callable[[mx.array, mx.array], tuple[mx.array, mx.array]]
"""Queries and keys [rows, heads, length, head size] with their positions turned in."""


class Walk(Protocol):
    """An architecture whose blocks can be walked one by one."""

    def inputs(self, model: nn.Module, rows: tuple[Row, ...], tokens: np.ndarray) -> dict[str, mx.array]:
        """Arrays that this architecture needs beside tokens and labels, computed outside the graph."""

    def hidden(self, model: nn.Module, batch: Batch) -> mx.array:
        """Hidden states at the label positions, after the last norm: [labels, width]."""

    def logits(self, model: nn.Module, hidden: mx.array) -> mx.array:
        """The vocabulary's logits of hidden states."""


class Packed:
    """The packed loss path over a walk."""

    def __init__(self, model: nn.Module, walk: Walk, *, recompute: bool = False) -> None:
        self._model = model
        self._walk = walk
        self._recompute = recompute

    def batch(self, rows: tuple[Row, ...]) -> Batch:
        ordered = tuple(sorted(rows, key=lambda r: r.length))
        layout = replace(layout_of(ordered), recompute=self._recompute)
        tokens = np.concatenate([np.asarray(r.tokens[:-1], dtype=np.int32) for r in ordered])
        tail, labels = tail_positions(ordered, layout)
        targets = np.concatenate([np.asarray(r.tokens[r.first_label :], dtype=np.int32) for r in ordered])
        arrays = {"tokens": tokens, "tail": tail, "labels": labels, "targets": targets}
        more = self._walk.inputs(self._model, ordered, tokens)
        return Batch({name: mx.array(value) for name, value in arrays.items()} | more, layout)

    def loss_sum(self, model: nn.Module, batch: Batch) -> mx.array:
        hidden = self._walk.hidden(model, batch)
        return cross_entropy_sum(self._walk.logits(model, hidden), batch.arrays["targets"])


def layout_of(rows: tuple[Row, ...]) -> Layout:
    """Groups of neighbours of equal length; `rows` are sorted by length."""
    groups: list[Group] = []
    for row in rows:
        last = groups[-1] if groups else None
        if last and last.length == row.length:
            groups[-1] = Group(last.rows + 1, last.length, max(last.tail, row.labels))
        else:
            groups.append(Group(1, row.length, row.labels))
    return Layout(tuple(groups))


def tail_positions(rows: tuple[Row, ...], layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the tails in the packed sequence, and positions of the labels among the tails."""
    tails, labels, start, offset, index = [], [], 0, 0, 0
    for group in layout.groups:
        for row in rows[index : index + group.rows]:
            tails.append(np.arange(start + group.length - group.tail, start + group.length, dtype=np.int32))
            labels.append(np.arange(offset + group.tail - row.labels, offset + group.tail, dtype=np.int32))
            start, offset = start + group.length, offset + group.tail
        index += group.rows
    return np.concatenate(tails), np.concatenate(labels)


def attend(
    queries: mx.array,
    keys: mx.array,
    values: mx.array,
    layout: Layout,
    *,
    scale: float,
    rotate: Rotate | None,
    tails: bool,
) -> mx.array:
    """Causal attention inside each row. All are [tokens, heads, head size]; with `tails`, queries are those of the
    tails only. Returns [queries, heads * head size]."""
    outputs = []
    start, first = 0, 0
    for group in layout.groups:
        count, width = group.rows, group.tail if tails else group.length
        k = _rows(keys, start, count, group.length)
        v = _rows(values, start, count, group.length)
        q = _rows(queries, first, count, width)
        if rotate is not None:
            q, k = rotate(q, k)
        if on_cpu():
            o = causal_attention(q, k, v, scale=scale)
        else:
            o = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask="causal")
        outputs.append(o.transpose(0, 2, 1, 3).reshape(count * width, -1))
        start, first = start + count * group.length, first + count * width
    return outputs[0] if len(outputs) == 1 else mx.concatenate(outputs, axis=0)


def turned(x: mx.array, cosine: mx.array, sine: mx.array) -> mx.array:
    """Rotary positions (Su et al. 2021) on [tokens, heads, size]; cosine and sine [tokens, 1, size / 2]; halves are
    paired."""
    first, second = mx.split(x, 2, axis=-1)
    return mx.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def _rows(x: mx.array, start: int, count: int, length: int) -> mx.array:
    """[tokens, heads, size] → [rows, heads, length, size] of one group."""
    part = x if count * length == x.shape[0] else x[start : start + count * length]
    return part.reshape(count, length, *x.shape[1:]).transpose(0, 2, 1, 3)


def run_blocks(
    layers: list[nn.Module],
    hidden: mx.array,
    batch: Batch,
    attention: Callable[[nn.Module, mx.array, mx.array, bool], mx.array],
    after: Callable[[int, mx.array], mx.array] | None = None,
) -> mx.array:
    """Walk the blocks: x + attention(norm(x)), then x + mlp(norm(x)), the pre-norm form of both families.

    `attention(block, normed, tail, tails)` gives the attention's output before its last projection. `after(i, x)` is
    applied behind block i. The last block goes on with the tails alone, then with the labels alone.
    """
    tail, labels = batch.arrays["tail"], batch.arrays["labels"]
    last = len(layers) - 1
    for i, layer in enumerate(layers):

        def block(x: mx.array, layer: nn.Module = layer, is_last: bool = i == last) -> mx.array:
            return walk_block(layer, x, tail, labels, attention, is_last)

        hidden = recomputed(layer, block)(hidden) if batch.layout.recompute else block(hidden)
        if after is not None and i < last:
            hidden = after(i, hidden)
    return hidden


def walk_block(
    layer: nn.Module,
    hidden: mx.array,
    tail: mx.array,
    labels: mx.array,
    attention: Callable[[nn.Module, mx.array, mx.array, bool], mx.array],
    last: bool,
) -> mx.array:
    """One block over the packed sequence; the last one returns label positions only."""
    normed = layer.input_layernorm(hidden)
    mixed = attention(layer.self_attn, normed, tail, last)
    if last:
        mixed, hidden = mixed[labels], hidden[tail[labels]]
    hidden = hidden + layer.self_attn.o_proj(mixed)
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))
