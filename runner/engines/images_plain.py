"""Reading prompts and generating by mlx-vlm's own way: right for every family it loads, one prompt at a time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn

from runner.engines import mlx_vlm_api as api
from runner.engines.chat import Message
from runner.engines.rows import Prompt
from runner.engines.showing import Pixels, all_unpatched, scaled
from runner.samples.sample import ImageRef


@dataclass(frozen=True)
class Shown:
    """What the package's processor is given for a prompt."""

    text: str
    paths: tuple[Path, ...]


class PlainReader:
    """Prompts by the family's own processor."""

    def __init__(self, processor: Any, config: dict[str, Any]) -> None:
        self._processor = processor
        self._config = config

    def prompt(self, messages: list[Message], images: Sequence[ImageRef], root: Path, *, ask: bool) -> Prompt:
        """The tokens of a conversation with its images in the user's turn."""
        paths = tuple(root / image.path for image in images)
        text = api.render(self._processor, self._config, messages, len(paths), ask=ask)
        shown = Shown(text, paths)
        tokens = self._processed(shown)["input_ids"].reshape(-1).tolist()
        return Prompt(tuple(int(t) for t in tokens), images=tuple(i.digest for i in images), extra=shown)

    def inputs(self, prompt: Prompt) -> dict[str, Any]:
        """What the processor made of the prompt's images."""
        made = self._processed(prompt.extra)
        return {name: value for name, value in made.items() if name not in {"input_ids", "attention_mask"}}

    def image_token_id(self) -> int | None:
        """See `ImageReader`."""
        found = self._config.get("image_token_index", self._config.get("image_token_id"))
        return found if isinstance(found, int) else None

    def preprocessed(self, prompt: Prompt) -> list[Pixels]:
        """See `ImageReader`: of families that make one picture of channels first, or patches with their grids."""
        made = self._processed(prompt.extra)
        pixels, grids = made.get("pixel_values"), made.get("image_grid_thw")
        settings = getattr(self._processor, "image_processor", None)
        if pixels is not None and pixels.ndim == 2 and grids is not None and hasattr(settings, "merge_size"):
            return all_unpatched(np.array(pixels, dtype=np.float32), np.array(grids).tolist(), settings)
        if pixels is None or pixels.ndim != 4 or pixels.shape[1] != 3 or not hasattr(settings, "image_mean"):
            return []
        return [scaled(image, settings) for image in np.array(pixels, dtype=np.float32)]

    def _processed(self, shown: Shown) -> dict[str, Any]:
        images = [api.open_image(path) for path in shown.paths]
        return api.model_inputs(self._processor, self._config, shown.text, images)


class PlainDecoder:
    """One prompt at a time through the package's own embedding and language model."""

    max_batch = 1

    def __init__(self, model: nn.Module, reader: PlainReader) -> None:
        self._model = model
        self._reader = reader
        self._cache: list[Any] = []

    def share(self, prompts: Sequence[Prompt]) -> int:
        return 0

    def group(self, prompt: Prompt) -> Hashable:
        return ""

    def start(self, prompts: Sequence[Prompt], room: int) -> mx.array:
        tokens = mx.array([prompts[0].tokens])
        inputs = self._reader.inputs(prompts[0])
        features = api.embed(self._model, tokens, inputs.pop("pixel_values", None), **inputs)
        self._cache = api.empty_cache(self._model)
        return api.language_logits(self._model, tokens, self._cache, **features)

    def next(self, tokens: mx.array) -> mx.array:
        return api.language_logits(self._model, tokens[:, None], self._cache)

    def keep(self, rows: list[int]) -> None:
        raise AssertionError("a batch of one has no rows to drop")
