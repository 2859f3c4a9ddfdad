"""The memory of loading a model, of looking at images and of generating answers, from the engines' own code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten

from runner.engines import mlx_lm_api, mlx_vlm_api
from runner.engines.backend import prepare
from runner.engines.engine import MlxEngine
from runner.engines.images import ImageEngine
from runner.engines.memory_graph import Graph, Node, capture
from runner.engines.memory_model import MadeUpReader, skeleton
from runner.engines.memory_phases import Flat, captured
from runner.engines.memory_simulation import Usage, simulate
from runner.engines.protocol import GenerateRequest
from runner.engines.rows import Prompt
from runner.engines.step import Batch
from runner.engines.tower_qwen3_vl import Tower
from runner.engines.vision import Grid
from runner.engines.walk_decoder import ROOM, Cache, WalkDecoder, chunks

CACHE_STEP = 256  # tokens by which the packages' key-value caches grow


def loading(config: dict[str, Any], *, dtype: str) -> Usage:
    """Reading the weights and bringing them into the computing type, all in one evaluation."""
    model = skeleton(config)
    stored: Flat = tree_flatten(model.parameters())
    api = mlx_vlm_api if config.get("vision_config") else mlx_lm_api

    def function(*arrays: mx.array) -> list[mx.array]:
        model.update(tree_unflatten(list(zip([n for n, _ in stored], arrays, strict=True))))
        return [value for _, value in tree_flatten(prepare(model, dtype, api.dequantize).model.parameters())]

    graph = capture(function, [value for _, value in stored])
    reads = tuple(Node("Load", (), (name,), ()) for name in graph.inputs)
    return simulate(Graph((*reads, *graph.nodes), (), graph.constants, graph.outputs, graph.values))


def looking(engine: ImageEngine, grid: Grid) -> Usage:
    """The vision tower over one image."""
    assert isinstance(engine.reader, MadeUpReader)
    patches = engine.reader.patches(grid)
    model = engine.model

    def function(parts: Any, extra: Any) -> list[mx.array]:
        features = Tower(model.vision_tower).features(extra[0], grid)
        return [features.merged, *features.deepstack]

    return simulate(captured(engine, function, [tree_flatten(model.parameters()), []], [patches]))


class Answering:
    """A batch of equally long prompts about to be answered by the package's own call. Used inside `nothing_evaluated`,
    `reading` before `writing`."""

    def __init__(self, engine: MlxEngine, decoder: Any, prompts: list[Prompt], max_tokens: int) -> None:
        self.engine, self.decoder, self.prompts, self.max_tokens = engine, decoder, prompts, max_tokens
        self.parameters: Flat = tree_flatten(engine.model.parameters())

    @property
    def room(self) -> int:
        """Columns of the cache when the first token is written."""
        return -(-len(self.prompts[0].tokens) // CACHE_STEP) * CACHE_STEP

    @property
    def kept_bytes(self) -> int:
        """Of tables that stay, once all was traced."""
        return 0

    def reading(self) -> tuple[int, Usage]:
        """The bytes held beside the model, and the prompts' forward pass, which leaves the key-value cache; its last
        token is read like a written one."""

        def function(parts: Any, extra: Any) -> list[mx.array]:
            self.decoder.share(self.prompts[:1])
            self.decoder.start(self.prompts, self.max_tokens)
            return self._cached()

        self.engine.model.eval()
        self.decoder.next = _unread
        try:
            return 0, simulate(captured(self.engine, function, [self.parameters, []], []))
        finally:
            del self.decoder.next

    def writing(self) -> Usage:
        """The token that needs the most: where the cache last grows, or the last one."""
        room, last = self.room, len(self.prompts[0].tokens) + self.max_tokens - 1
        places = {last: room + max(0, -(-(last + 1 - room) // CACHE_STEP)) * CACHE_STEP}
        if last >= room:
            grows = room + (last - room) // CACHE_STEP * CACHE_STEP
            places[grows] = grows
        found = [self._token(place, held) for place, held in places.items()]
        return max(found, key=lambda usage: usage.inputs_bytes + usage.transient_bytes)

    def _token(self, place: int, held: int) -> Usage:
        """One token at `place`, the cache having room for `held`. The old cache is the graph's alone."""
        keys = [mx.zeros((*a.shape[:2], held, a.shape[3]), a.dtype) for a in self._cached()]
        tokens = mx.zeros((len(self.prompts),), mx.int32)
        self._move(place)

        def function(parts: Any, extra: Any) -> list[mx.array]:
            self._put(extra[:-1])
            logits = self.decoder.next(extra[-1])
            return [logits, *self._cached()]

        graph = captured(self.engine, function, [self.parameters, []], [*keys, tokens])
        return simulate(graph, loose=graph.inputs[len(self.parameters) : -1])

    def _move(self, place: int) -> None:
        """Have the next token be the one at `place`."""
        for layer in self.decoder._cache:
            _move(layer, place)

    def _put(self, keys: Sequence[mx.array]) -> None:
        """Keys and values of every layer in the place of the cache's own."""
        for i, layer in enumerate(self.decoder._cache):
            layer.keys, layer.values = keys[2 * i], keys[2 * i + 1]

    def _cached(self) -> list[mx.array]:
        """Keys and values of every layer.

        Raises:
            NotImplementedError: the architecture keeps its context in another way.
        """
        if not all(hasattr(layer, "keys") for layer in self.decoder._cache):
            raise NotImplementedError("a cache without keys and values can't be traced")
        return [array for layer in self.decoder._cache for array in (layer.keys, layer.values)]


class WalkAnswering(Answering):
    """The same by a `WalkDecoder`."""

    @property
    def room(self) -> int:
        return len(self.prompts[0].tokens) + min(self.max_tokens, ROOM)

    @property
    def kept_bytes(self) -> int:
        return int(self.decoder.kept_bytes)

    def reading(self) -> tuple[int, Usage]:
        """The chunk of prompts that needs the most: the first one, with which the cache is made, or the second."""
        self.engine.model.eval()
        first, *more = (len(chunk) for chunk in chunks(self.prompts, 0))
        sizes = [(first, True)] * (not more or more[0] < first) + [(size, False) for size in more[:1]]
        found = [self._chunk(size, makes_cache=makes) for size, makes in sizes]
        return max(found, key=lambda one: one[0] + one[1].transient_bytes)

    def _chunk(self, size: int, *, makes_cache: bool) -> tuple[int, Usage]:
        """So many prompts; the cache, and other prompts' logits, are there before, unless this one makes them."""
        decoder, count, width = self.decoder, len(self.prompts), len(self.prompts[0].tokens)
        batch = decoder.batch(self.prompts[:size])
        inputs = sorted(batch.arrays.items())
        decoder.cache = Cache(starts=(0,) * count, at=width)
        like = [part for groups in decoder.read(batch)[0] for part in groups[0]]

        def caches() -> list[mx.array]:
            return [mx.zeros((count, part.shape[1], self.room, part.shape[3]), part.dtype) for part in like]

        def function(parts: Any, extra: Any) -> list[mx.array]:
            blocks, logits = decoder.read(Batch(dict(parts[2]), batch.layout))
            self._put(caches() if makes_cache else extra)
            decoder.write(blocks, 0 if makes_cache else count - size)
            return [*self._cached(), logits]

        graph = captured(self.engine, function, [self.parameters, [], inputs], [] if makes_cache else caches())
        self._put(caches())
        logits = 0 if makes_cache else graph.values[graph.outputs[-1]].nbytes // size * (count - size)
        usage = simulate(graph, loose=graph.inputs[len(self.parameters) :])
        return usage.inputs_bytes - sum(v.nbytes for _, v in self.parameters) + logits, usage

    def _move(self, place: int) -> None:
        self.decoder.move(place)

    def _put(self, keys: Sequence[mx.array]) -> None:
        self.decoder.cache.blocks = list(zip(keys[::2], keys[1::2], strict=True))

    def _cached(self) -> list[mx.array]:
        return [part for pair in self.decoder.cache.blocks for part in pair]


def answering(engine: MlxEngine, request: GenerateRequest, prompts: list[Prompt], max_tokens: int) -> Answering:
    """Answers to equally long prompts as the engine would make them."""
    decoder = engine.decoder(request)
    kind = WalkAnswering if isinstance(decoder, WalkDecoder) else Answering
    return kind(engine, decoder, prompts, max_tokens)


def _unread(tokens: mx.array) -> mx.array:
    return tokens


def _move(layer: Any, place: int) -> None:
    """Set a cache layer's place to `place` tokens."""
    if hasattr(layer, "_idx"):
        layer._idx = place
        layer.offset = mx.full(layer.offset.shape, place)
        layer.left_padding = mx.zeros(layer.left_padding.shape, mx.int32)
    else:
        layer.offset = place
