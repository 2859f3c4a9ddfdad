"""An engine built from config.json alone: the real architecture and the real code, with weights that nobody made.

Inside `nothing_evaluated` its arrays stay lazy and cost nothing; outside, it is a real engine with made-up weights,
which is how forecasts are held against the truth. It has no tokenizer, so it takes rows of token numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
from mlx import nn

from runner.engines import mlx_lm_api, mlx_vlm_api
from runner.engines.backend import prepare
from runner.engines.engine import MlxEngine
from runner.engines.images import ImageEngine
from runner.engines.images_qwen3_vl import QwenReader
from runner.engines.rows import Prompt, Row
from runner.engines.text import TextEngine
from runner.engines.vision import Features, FeatureStore, Grid
from runner.engines.walk_qwen3_vl import can_walk
from runner.errors import InvalidError
from runner.models.walks import unwalked

_TYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}
TEXT_TOKEN = 0


class MadeUpReader(QwenReader):
    """Features of images that are known by their grids alone. An image's digest is its number."""

    def __init__(self, engine: ImageEngine) -> None:
        vision = engine.config["vision_config"]
        self._tower = None
        self.image_token = int(engine.config["image_token_id"])
        self.merge = int(vision["spatial_merge_size"])
        self._patch = 3 * int(vision.get("temporal_patch_size", 2)) * int(vision["patch_size"]) ** 2
        self._width = int(vision["out_hidden_size"])
        self._levels = len(vision.get("deepstack_visual_indexes", ()))
        self._dtype = engine.model.vision_tower.patch_embed.proj.weight.dtype
        self._made: dict[str, Features] = {}

    def look(self, prompt: Prompt, number: int) -> Features:
        digest, grid = prompt.images[number], prompt.grids[number]
        if digest not in self._made:
            shape = (grid[0] * grid[1] * grid[2] // self.merge**2, self._width)
            merged, *deepstack = (mx.zeros(shape, self._dtype) for _ in range(1 + self._levels))
            mx.eval(merged, deepstack)
            self._made[digest] = Features(grid, merged, tuple(deepstack))
        return self._made[digest]

    look_again = look

    def patches(self, grid: Grid) -> mx.array:
        """What the processor would make of an image of this grid."""
        return mx.zeros((grid[0] * grid[1] * grid[2], self._patch))


def skeleton(config: dict[str, Any]) -> nn.Module:
    """The architecture with weights as they are stored.

    Raises:
        InvalidError: the packages don't know the architecture.
    """
    model = (mlx_vlm_api if config.get("vision_config") else mlx_lm_api).skeleton(config)
    text = config.get("text_config") or {}
    stored = config.get("dtype") or config.get("torch_dtype") or text.get("dtype") or text.get("torch_dtype")
    model.set_dtype(_TYPES.get(str(stored), mx.bfloat16))
    return model


def engine_from(config: dict[str, Any], *, dtype: str) -> MlxEngine:
    """An engine of the config's architecture, prepared as `open_engine` prepares a checkpoint.

    Raises:
        InvalidError: the packages don't know the architecture, or its way with images can't be forecast.
    """
    is_vision = bool(config.get("vision_config"))
    api = mlx_vlm_api if is_vision else mlx_lm_api
    model = skeleton(config)
    engine: TextEngine | ImageEngine
    if is_vision:
        engine = ImageEngine.__new__(ImageEngine)
        engine.quantization = mlx_vlm_api.quantization(model)
    else:
        engine = TextEngine.__new__(TextEngine)
    prepared = prepare(model, dtype, api.dequantize)
    engine.model, engine.note, engine.config = prepared.model, prepared.note, config
    engine.family, engine.end_tokens = str(config.get("model_type", "")), frozenset()
    engine.refusal = unwalked(config)
    if isinstance(engine, ImageEngine):
        engine.features = FeatureStore()
        engine.refusal = can_walk(engine.model, config)
        if engine.refusal:
            raise InvalidError(f"memory can't be forecast for images of this model: {engine.refusal}")
        engine.reader = MadeUpReader(engine)
    return engine


def made_up_row(
    name: str,
    *,
    tokens: int,
    labels: int,
    grids: Sequence[Grid] = (),
    reader: QwenReader | None,
    alike: int | None = None,
    number: int = 0,
) -> Row:
    """A row of `tokens` tokens of which the last `labels` are supervised, with the image tokens that its grids need.

    Rows are all alike, or in their first `alike` tokens alone: what follows in a row is its number's own token.
    """
    text: list[int] = []
    for grid in grids:
        assert reader is not None
        text += [TEXT_TOKEN] + [reader.image_token] * (grid[0] * grid[1] * grid[2] // reader.merge**2)
    text += [TEXT_TOKEN] * (tokens - len(text))
    if alike is not None:
        image = reader.image_token if reader else None
        own = next(token for token in range(number + 1, number + 3) if token != image)
        text = [own if i >= alike and token == TEXT_TOKEN else token for i, token in enumerate(text)]
    images = tuple(f"{name}/{i}" for i in range(len(grids)))
    prompt = Prompt(tuple(text[: len(text) - labels]), images=images, grids=tuple(grids))
    return Row(name, "", prompt, tuple(text), max(1, len(text) - labels))
