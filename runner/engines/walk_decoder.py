"""Generation by the packed walk that trains: prompts lie side by side without a pad token, so many at a time that
reading takes no more memory for a larger batch, and every answer goes on in a cache of its own row."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import mlx.core as mx
import numpy as np
from mlx import nn

from runner.engines.backend import on_cpu
from runner.engines.exponential import weighted
from runner.engines.packed import Asking, Group, Layout, Pair, Walk, attend, packed_batch
from runner.engines.rows import Prompt, Row, shared_beginning
from runner.engines.step import Batch
from runner.memory.fit_answers import MAX_BATCH

CHUNK = 2048  # tokens that are read at a time: enough to fill a product, few enough to hold little
ROOM = 256  # tokens by which the cache grows behind the prompts


@dataclass
class Cache:
    """Keys and values of a batch, a pair a block [rows, key heads, room, head size].

    All prompts end in the column before `at`, where the next token goes; a row begins at its place of `starts`.
    """

    blocks: list[Pair] = field(default_factory=list)
    starts: tuple[int, ...] = ()
    at: int = 0

    def mask(self) -> mx.array | None:
        """0 where a row's next token looks, itself included, and -inf before its prompt [rows, 1, 1, at + 1]; None
        where all see everything."""
        if not any(self.starts):
            return None
        seen = mx.arange(self.at + 1) >= mx.array(self.starts)[:, None, None, None]
        return mx.where(seen, 0.0, -mx.inf).astype(self.blocks[0][0].dtype)

    def make_room(self) -> None:
        """Grow where the next token has no column."""
        if self.at < self.blocks[0][0].shape[2]:
            return
        for i, pair in enumerate(self.blocks):
            more = _empty(pair, pair[0].shape[0], ROOM)
            keys, values = (mx.concatenate([part, m], axis=2) for part, m in zip(pair, more, strict=True))
            self.blocks[i] = (keys, values)

    def keep(self, rows: list[int]) -> None:
        """Drop the other rows."""
        index = mx.array(rows)
        self.blocks = [(keys[index], values[index]) for keys, values in self.blocks]
        self.starts = tuple(self.starts[row] for row in rows)


@dataclass
class _Reader:
    """Attention that sees what was read `before`, and keeps what each block reads: a pair a group of equal length."""

    before: Sequence[Pair]
    blocks: list[list[Pair]] = field(default_factory=list)

    def __call__(self, asking: Asking) -> mx.array:
        before = self.before[len(self.blocks)] if self.before else None
        own: list[Pair] = []
        self.blocks.append(own)
        return attend(asking, before=before, keep=own.append)


@dataclass
class _Writer:
    """Attention of one token a row, which goes into the cache and sees all that its row holds."""

    cache: Cache
    positions: mx.array  # int[rows]
    mask: mx.array | None
    block: int = 0

    def __call__(self, asking: Asking) -> mx.array:
        rows, heads, size = asking.queries.shape
        q, k, v = (part[:, :, None] for part in (asking.queries, asking.keys, asking.values))
        if asking.rotate:
            q, k = asking.rotate(q, self.positions), asking.rotate(k, self.positions)
        seen = []
        for whole, part in zip(self.cache.blocks[self.block], (k, v), strict=True):
            whole[:, :, self.cache.at : self.cache.at + 1] = part
            seen.append(whole[:, :, : self.cache.at + 1])
        self.block += 1
        if on_cpu():  # query heads that share a key head in one product
            folded = (q * asking.scale).reshape(rows, k.shape[1], -1, size)
            scores = folded @ seen[0].swapaxes(-1, -2)
            out = weighted(scores if self.mask is None else scores + self.mask, seen[1])
        else:
            out = mx.fast.scaled_dot_product_attention(q, *seen, scale=asking.scale, mask=self.mask)
        return out.reshape(rows, heads * size)


class WalkDecoder:
    """A `Decoder` of a model that can be walked. What all prompts begin with is read once; prompts of a batch may be of
    any length and hold any images. The prompts of `start` come shortest first."""

    max_batch = MAX_BATCH

    def __init__(self, model: nn.Module, walk: Walk, image_token: int | None = None) -> None:
        self._model = model
        self._walk = walk
        self._image_token = image_token
        self._before: list[Pair] = []  # of the shared beginning, a pair a block
        self._shared = 0  # tokens
        self._positions = np.empty(0, np.int32)
        self.cache = Cache()

    @property
    def kept_bytes(self) -> int:
        """Of tables that stay from batch to batch."""
        return self._walk.kept_bytes

    def share(self, prompts: Sequence[Prompt]) -> int:
        common = shared_beginning(prompts, self._image_token)
        self._before, self._shared = [], 0
        if common:
            blocks, _ = self.read(self.batch([Prompt(common)]))
            self._before, self._shared = [groups[0] for groups in blocks], len(common)
            mx.eval(self._before)
        return len(common)

    def group(self, prompt: Prompt) -> Hashable:
        return ""

    def start(self, prompts: Sequence[Prompt], room: int) -> mx.array:
        width = len(prompts[-1].tokens)
        cache = self.cache = Cache(starts=tuple(width - len(p.tokens) for p in prompts), at=width)
        logits, row = [], 0
        for chunk in chunks(prompts, self._shared):
            blocks, last = self.read(self.batch(chunk))
            if not cache.blocks:
                cache.blocks = [_empty(groups[0], len(prompts), width + min(room, ROOM)) for groups in blocks]
            self.write(blocks, row)
            mx.eval(cache.blocks, last)
            logits.append(last)
            row += len(chunk)
        self._positions = np.array([self._walk.after(p) for p in prompts], np.int32)
        return mx.concatenate(logits)

    def batch(self, prompts: Sequence[Prompt]) -> Batch:
        """Prompts side by side, without what they share."""
        # a row reads all tokens but its last, which is only a target: here there is none
        rows = tuple(Row(str(i), "", p, (*p.tokens, 0), len(p.tokens)) for i, p in enumerate(prompts))
        return packed_batch(self._model, self._walk, rows, self._shared, is_read=True)

    def read(self, batch: Batch) -> tuple[list[list[Pair]], mx.array]:
        """Keys and values of some prompts, by block and group of equal length, and their last logits. Lazy."""
        reader = _Reader(self._before)
        hidden = self._walk.hidden(self._model, batch, reader)
        return reader.blocks, self._walk.logits(self._model, hidden)

    def write(self, blocks: Sequence[Sequence[Pair]], row: int) -> None:
        """Put what some prompts have read into the cache's rows from `row` on, behind what they share. Lazy."""
        for i, groups in enumerate(blocks):
            first = row
            for pair in groups:
                rows, start = slice(first, first + pair[0].shape[0]), self.cache.starts[first]
                if self._shared:
                    _put(self.cache.blocks[i], self._before[i], rows, start)
                _put(self.cache.blocks[i], pair, rows, start + self._shared)
                first = rows.stop

    def next(self, tokens: mx.array) -> mx.array:
        self.cache.make_room()
        index = mx.arange(tokens.shape[0])
        arrays = {"tokens": tokens, "tail": index, "labels": index}
        arrays |= self._walk.following(self._model, self._positions)
        writer = _Writer(self.cache, mx.array(self._positions), self.cache.mask())
        batch = Batch(arrays, Layout((Group(tokens.shape[0], 1, 1),)))
        logits = self._walk.logits(self._model, self._walk.hidden(self._model, batch, writer))
        mx.eval(logits)
        self.cache.at += 1
        self._positions = self._positions + 1
        return logits

    def move(self, place: int) -> None:
        """Have the next token of every row, were it text alone, be the one at `place`; tables are made that far."""
        self.cache.at = place
        self._positions = np.full(len(self.cache.starts), place, np.int32)
        self._walk.following(self._model, self._positions)

    def keep(self, rows: list[int]) -> None:
        self.cache.keep(rows)
        self._positions = self._positions[rows]


def chunks(prompts: Sequence[Prompt], shared: int) -> Iterator[Sequence[Prompt]]:
    """Neighbours that are read at one time: at most `CHUNK` tokens behind the `shared` ones, or one prompt."""
    start = total = 0
    for i, prompt in enumerate(prompts):
        own = len(prompt.tokens) - shared
        if i > start and total + own > CHUNK:
            yield prompts[start:i]
            start, total = i, 0
        total += own
    yield prompts[start:]


def _empty(like: Pair, rows: int, room: int) -> Pair:
    keys, values = (mx.zeros((rows, part.shape[1], room, part.shape[3]), part.dtype) for part in like)
    return keys, values


def _put(cache: Pair, pair: Pair, rows: slice, start: int) -> None:
    for whole, part in zip(cache, pair, strict=True):
        whole[rows, :, start : start + part.shape[2]] = part
