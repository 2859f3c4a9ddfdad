"""The memory of loading a model, of looking at images and of generating answers, from the engines' own code."""

from __future__ import annotations

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
from runner.engines.tower_qwen3_vl import Tower
from runner.engines.vision import Grid

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
    """A batch of equally long prompts about to be answered. Used inside `nothing_evaluated`."""

    def __init__(self, engine: MlxEngine, request: GenerateRequest, prompts: list[Prompt], max_tokens: int) -> None:
        self.engine, self.prompts, self.max_tokens = engine, prompts, max_tokens
        self.decoder: Any = engine.decoder(request)
        self.parameters: Flat = tree_flatten(engine.model.parameters())

    def reading(self) -> Usage:
        """The prompts' forward pass, which leaves the key-value cache; its last token is read like a written one."""

        def function(parts: Any, extra: Any) -> list[mx.array]:
            self.decoder.share(self.prompts[:1])
            self.decoder.start(self.prompts, self.max_tokens)
            return self._cached()

        self.engine.model.eval()
        self.decoder.next = _unread
        try:
            return simulate(captured(self.engine, function, [self.parameters, []], []))
        finally:
            del self.decoder.next

    def writing(self) -> Usage:
        """The token that needs the most: where the cache last grows, or the last one. Follows `reading`."""
        width = len(self.prompts[0].tokens)
        room = -(-width // CACHE_STEP) * CACHE_STEP
        last = width + self.max_tokens - 1
        places = {last: room + max(0, -(-(last + 1 - room) // CACHE_STEP)) * CACHE_STEP}
        if last >= room:
            grows = room + (last - room) // CACHE_STEP * CACHE_STEP
            places[grows] = grows
        found = [self._token(place, held) for place, held in places.items()]
        return max(found, key=lambda usage: usage.inputs_bytes + usage.transient_bytes)

    def _token(self, place: int, held: int) -> Usage:
        """One token at `place`, the cache having room for `held`. The old cache is the graph's alone."""
        keys = [mx.zeros((*a.shape[:2], held, a.shape[3]), a.dtype) for a in self._cached()]
        for layer in self.decoder._cache:
            _move(layer, place)
        tokens = mx.zeros((len(self.prompts),), mx.int32)

        def function(parts: Any, extra: Any) -> list[mx.array]:
            for i, layer in enumerate(self.decoder._cache):
                layer.keys, layer.values = extra[2 * i], extra[2 * i + 1]
            logits = self.decoder.next(extra[-1])
            return [logits, *self._cached()]

        graph = captured(self.engine, function, [self.parameters, []], [*keys, tokens])
        return simulate(graph, loose=graph.inputs[len(self.parameters) : -1])

    def _cached(self) -> list[mx.array]:
        return [array for layer in self.decoder._cache for array in (layer.keys, layer.values)]


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
