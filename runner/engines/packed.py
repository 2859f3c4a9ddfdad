"""Rows of one micro-batch side by side, without a pad token: linear layers see one long sequence, attention is kept
apart, and only label positions reach the last block's feed-forward and the vocabulary.

The same sums as the plain path, in another grouping. Which architectures can be walked this way is said by the
`Walk`s (walk_llama, walk_qwen3_vl).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Protocol

import mlx.core as mx
import numpy as np
from mlx import nn

from runner.engines.attention import causal_attention
from runner.engines.backend import on_cpu
from runner.engines.exponential import swiglu
from runner.engines.frozen import FrozenLayers, row_digest
from runner.engines.head import cross_entropy_sum
from runner.engines.remat import recomputed
from runner.engines.rows import Prompt, Row
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
    prefix: int = 0  # tokens at the beginning that all rows share; groups hold what follows
    start: int = 0  # the first block to walk; the ones below are read from `entered`
    stop: int | None = None  # walk no further than this block, and return all positions; None is to the end
    recompute: bool = False  # each block is computed again for its backward pass

    @property
    def tokens(self) -> int:
        """Tokens of the packed sequence."""
        return self.prefix + sum(g.rows * g.length for g in self.groups)


Rotate = Callable[[mx.array, int | mx.array], mx.array]
"""Queries or keys [rows, heads, length, head size] with their positions turned in, from an offset (or one a row) on."""

Pair = tuple[mx.array, mx.array]
"""Keys and values of one block, [rows, key heads, tokens, head size], positions turned in."""


@dataclass(frozen=True)
class Asking:
    """What one block asks its attention, over a packed sequence. All arrays are [tokens, heads, head size]."""

    queries: mx.array  # of the tails only, where `tails` says so
    keys: mx.array
    values: mx.array
    layout: Layout
    scale: float
    rotate: Rotate | None = None  # None: positions are turned in already
    tails: bool = False


Attend = Callable[[Asking], mx.array]
"""Attention over a packed sequence, as `attend` does it: [queries, heads * head size]."""


class Walk(Protocol):
    """An architecture whose blocks can be walked one by one."""

    def inputs(
        self, model: nn.Module, rows: tuple[Row, ...], tokens: np.ndarray, places: Places
    ) -> dict[str, mx.array]:
        """Arrays that this architecture needs beside tokens and labels, computed outside the graph."""

    def hidden(self, model: nn.Module, batch: Batch, attend: Attend = ...) -> mx.array:
        """Walk the blocks of the layout's span. To the end: hidden states at the label positions after the last norm,
        [labels, width]; else all positions as the next block takes them, [tokens, width]."""

    def logits(self, model: nn.Module, hidden: mx.array) -> mx.array:
        """The vocabulary's logits of hidden states."""

    def after(self, prompt: Prompt) -> int:
        """The position of the token that follows a prompt."""

    def following(self, model: nn.Module, positions: np.ndarray) -> dict[str, mx.array]:
        """What `inputs` gives, for text tokens at positions int[tokens]."""

    @property
    def kept_bytes(self) -> int:
        """Of tables that stay from batch to batch."""


@dataclass(frozen=True)
class Places:
    """Where each token of a packed sequence comes from: a row, and a position in it."""

    row: np.ndarray  # int32[tokens]
    position: np.ndarray  # int32[tokens]


class Packed:
    """The packed loss path over a walk.

    `prefix` leading tokens, the same in all rows, are computed once a micro-batch. With `frozen`, the lowest blocks are
    not walked: their output is looked up by row.
    """

    def __init__(
        self,
        model: nn.Module,
        walk: Walk,
        *,
        recompute: bool = False,
        prefix: int = 0,
        frozen: FrozenLayers | None = None,
    ) -> None:
        self._model = model
        self._walk = walk
        self._recompute = recompute
        self._prefix = prefix
        self._frozen = frozen

    def batch(self, rows: tuple[Row, ...]) -> Batch:
        batch = packed_batch(self._model, self._walk, rows, self._prefix)
        layout = replace(batch.layout, recompute=self._recompute)
        if self._frozen is None:
            return Batch(batch.arrays, layout)
        ordered = tuple(sorted(rows, key=lambda r: r.length))
        whole = [self._entered(self._frozen, row) for row in ordered]
        parts = [whole[0][: self._prefix]] * bool(self._prefix) + [w[self._prefix :] for w in whole]
        entered = {"entered": mx.concatenate(parts)}
        mx.eval(entered)
        return Batch(batch.arrays | entered, replace(layout, start=self._frozen.layers))

    def _entered(self, frozen: FrozenLayers, row: Row) -> mx.array:
        """What the first block above the frozen ones takes for this row, [tokens, width]."""

        def compute() -> mx.array:
            batch = packed_batch(self._model, self._walk, (row,), 0)
            hidden = self._walk.hidden(self._model, Batch(batch.arrays, replace(batch.layout, stop=frozen.layers)))
            mx.eval(hidden)
            return hidden

        return frozen.store.get(row_digest(row), compute)

    def kept_tokens(self, rows: Sequence[Row]) -> int:
        """Tokens whose entry into the first walked block is kept once every row was seen; 0 where none are."""
        different = {(row.tokens, row.prompt.images): row.length for row in rows}
        return sum(different.values()) if self._frozen else 0

    @property
    def kept_bytes(self) -> int:
        """Of tables that stay from batch to batch, once the longest rows were seen."""
        return self._walk.kept_bytes

    def loss_sum(self, model: nn.Module, batch: Batch) -> mx.array:
        hidden = self._walk.hidden(model, batch)
        return cross_entropy_sum(self._walk.logits(model, hidden), batch.arrays["targets"])


def packed_batch(model: nn.Module, walk: Walk, rows: tuple[Row, ...], prefix: int, *, is_read: bool = False) -> Batch:
    """Rows side by side, shortest first, after what they share; without it where it `is_read` already."""
    ordered = tuple(sorted(rows, key=lambda r: r.length))
    own = 0 if is_read else prefix
    layout = replace(layout_of(ordered, prefix), prefix=own)
    spans = [(0, 0, own)] * bool(own) + [(i, prefix, row.length) for i, row in enumerate(ordered)]
    tokens = np.concatenate([np.asarray(ordered[i].tokens[a:b], dtype=np.int32) for i, a, b in spans])
    places = Places(
        np.concatenate([np.full(b - a, i, dtype=np.int32) for i, a, b in spans]),
        np.concatenate([np.arange(a, b, dtype=np.int32) for _, a, b in spans]),
    )
    tail, labels = tail_positions(ordered, layout)
    targets = np.concatenate([np.asarray(r.tokens[r.first_label :], dtype=np.int32) for r in ordered])
    arrays = {"tokens": tokens, "tail": tail, "labels": labels, "targets": targets}
    more = walk.inputs(model, ordered, tokens, places)
    return Batch({name: mx.array(value) for name, value in arrays.items()} | more, layout)


def layout_of(rows: tuple[Row, ...], prefix: int = 0) -> Layout:
    """Groups of neighbours of equal length after their prefix; `rows` are sorted by length."""
    groups: list[Group] = []
    for row in rows:
        last = groups[-1] if groups else None
        if last and last.length == row.length - prefix:
            groups[-1] = Group(last.rows + 1, last.length, max(last.tail, row.labels))
        else:
            groups.append(Group(1, row.length - prefix, row.labels))
    return Layout(tuple(groups))


def tail_positions(rows: tuple[Row, ...], layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the tails in the packed sequence, and positions of the labels among the tails."""
    tails, labels, start, offset, index = [], [], layout.prefix, 0, 0
    for group in layout.groups:
        for row in rows[index : index + group.rows]:
            tails.append(np.arange(start + group.length - group.tail, start + group.length, dtype=np.int32))
            labels.append(np.arange(offset + group.tail - row.labels, offset + group.tail, dtype=np.int32))
            start, offset = start + group.length, offset + group.tail
        index += group.rows
    return np.concatenate(tails), np.concatenate(labels)


def attend(asking: Asking, *, before: Pair | None = None, keep: Callable[[Pair], None] = lambda _: None) -> mx.array:
    """Causal attention inside each row, which sees the shared prefix too. Returns [queries, heads * head size].

    `before` is what was read before all rows (one row's), `keep` is told of each group's own keys and values.
    """
    layout, rotate = asking.layout, asking.rotate
    prefix, outputs = layout.prefix, []
    # the prefix is a row of its own, whose keys and values come before every other row's
    groups = (*([Group(1, prefix, 0)] if prefix else []), *layout.groups)
    widths = [group.tail if asking.tails else group.length for group in groups]
    queries = _rows(asking.queries, groups, widths)
    seen = [_rows(x, groups, [group.length for group in groups]) for x in (asking.keys, asking.values)]
    for group, width, q, k, v in zip(groups, widths, queries, *seen, strict=True):
        offset = 0 if before is None else before[0].shape[2]
        own = (rotate(k, offset) if rotate else k, v)
        keep(own)
        whole = own if before is None else tuple(_after(b, x) for b, x in zip(before, own, strict=True))
        if width:
            turned_q = rotate(q, offset + group.length - width) if rotate else q
            o = _causal(turned_q, *whole, scale=asking.scale)
            outputs.append(o.transpose(0, 2, 1, 3).reshape(group.rows * width, -1))
        if prefix and before is None:
            before = own
    return outputs[0] if len(outputs) == 1 else mx.concatenate(outputs, axis=0)


def _causal(q: mx.array, k: mx.array, v: mx.array, *, scale: float) -> mx.array:
    if on_cpu():
        return causal_attention(q, k, v, scale=scale)
    return mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask="causal")


def _after(prefix: mx.array, rows: mx.array) -> mx.array:
    """Keys or values of each row behind those of the prefix."""
    repeated = mx.broadcast_to(prefix, (rows.shape[0], *prefix.shape[1:]))
    return mx.concatenate([repeated, rows], axis=2)


def turned(x: mx.array, cosine: mx.array, sine: mx.array) -> mx.array:
    """Rotary positions (Su et al. 2021) on [tokens, heads, size]; cosine and sine [tokens, 1, size / 2]; halves are
    paired."""
    first, second = mx.split(x, 2, axis=-1)
    return mx.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def _rows(x: mx.array, groups: Sequence[Group], widths: Sequence[int]) -> list[mx.array]:
    """[tokens, heads, size] → each group's [rows, heads, width, size]. Split, for its gradient is a concatenation."""
    ends = list(accumulate(group.rows * width for group, width in zip(groups, widths, strict=True)))
    parts = mx.split(x, ends[:-1]) if len(ends) > 1 else [x]
    return [
        part.reshape(group.rows, width, *x.shape[1:]).transpose(0, 2, 1, 3)
        for part, group, width in zip(parts, groups, widths, strict=True)
    ]


def run_blocks(
    layers: list[nn.Module],
    hidden: mx.array,
    batch: Batch,
    attention: Callable[[nn.Module, mx.array, mx.array, bool], mx.array],
    after: Callable[[int, mx.array], mx.array] | None = None,
) -> mx.array:
    """Walk the layout's blocks: x + attention(norm(x)), then x + mlp(norm(x)), the pre-norm form of both families.

    `attention(block, normed, tail, tails)` gives the attention's output before its last projection. `after(i, x)` is
    applied behind block i. The last block goes on with the tails alone, then with the labels alone.
    """
    tail, labels = batch.arrays["tail"], batch.arrays["labels"]
    last, stop = len(layers) - 1, batch.layout.stop
    for i, layer in list(enumerate(layers))[batch.layout.start : stop]:

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
    return hidden + _mlp(layer.mlp, layer.post_attention_layernorm(hidden))


def _mlp(mlp: nn.Module, x: mx.array) -> mx.array:
    return mlp.down_proj(swiglu(mlp.gate_proj(x), mlp.up_proj(x)))
