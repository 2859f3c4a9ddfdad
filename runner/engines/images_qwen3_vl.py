"""Reading prompts and generating for Qwen3-VL: each image goes through the frozen tower once, DeepStack included."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn

from runner.engines import mlx_vlm_api as api
from runner.engines.chat import Message
from runner.engines.rows import Prompt, shared_beginning
from runner.engines.showing import Pixels, unpatched
from runner.engines.tower_qwen3_vl import Tower
from runner.engines.vision import Features, FeatureStore, Grid
from runner.engines.walk_qwen3_vl import positions
from runner.errors import Diagnostic, InvalidError
from runner.memory.fit_answers import MAX_BATCH
from runner.samples.sample import ImageRef


class QwenReader:
    """Prompts of Qwen3-VL: the processor's own text, with as many image tokens as the image's grid asks for."""

    def __init__(
        self, tower: Tower | None, processor: Any, config: dict[str, Any], store: Callable[[], FeatureStore]
    ) -> None:
        """Without a tower it reads, but looks at nothing."""
        self._processor = processor
        self._config = config
        self._store = store
        self._tower = tower
        self._paths: dict[str, Path] = {}
        self._grids: dict[str, Grid] = {}
        self.image_token = int(processor.image_token_id)
        self.merge = int(processor.image_processor.merge_size)

    def prompt(self, messages: list[Message], images: Sequence[ImageRef], root: Path, *, ask: bool) -> Prompt:
        """The tokens of a conversation with its images in the user's turn.

        Raises:
            InvalidError: the text holds the image token itself, or an image cannot be read.
        """
        text = api.render_qwen(self._processor, self._config, messages, len(images), ask=ask)
        token = self._processor.image_token
        if text.count(token) != len(images):
            help_text = "take it out of the prompt, system or reference text"
            raise InvalidError.of([Diagnostic("E513", f"the text holds the image token `{token}`", help=help_text)])
        grids = []
        for image in images:
            self._paths[image.digest] = root / image.path
            grid = self._grid(image.digest)
            grids.append(grid)
            count = grid[0] * grid[1] * grid[2] // self.merge**2
            text = text.replace(token, "<|placeholder|>" * count, 1)
        tokens = api.tokenizer_of(self._processor)(text.replace("<|placeholder|>", token))["input_ids"]
        return Prompt(tuple(int(t) for t in tokens), images=tuple(i.digest for i in images), grids=tuple(grids))

    def look(self, prompt: Prompt, number: int) -> Features:
        """The features of one image of a prompt that this reader made."""
        return self.features(prompt.images[number])

    def look_again(self, prompt: Prompt, number: int) -> Features:
        """The same, computed anew each time."""
        return self._compute(self._paths[prompt.images[number]])

    def features(self, digest: str) -> Features:
        """The features of an image that a prompt named."""
        return self._store().get(digest, lambda: self._compute(self._paths[digest]))

    def pixels(self, prompt: Prompt) -> dict[str, Any]:
        """What the package's own call takes for the prompt's images."""
        seen = [api.pixels(self._processor, api.open_image(self._paths[digest])) for digest in prompt.images]
        if not seen:
            return {}
        patches = mx.concatenate([patches for patches, _ in seen])
        return {"pixel_values": patches, "image_grid_thw": mx.array([grid for _, grid in seen])}

    def forget(self) -> None:
        """Keep nothing of images seen before but what the store keeps."""
        if self._tower is not None:
            self._tower.forget()

    def image_token_id(self) -> int | None:
        """See `ImageReader`."""
        return self.image_token

    def preprocessed(self, prompt: Prompt) -> list[Pixels]:
        """See `ImageReader`."""
        made = (api.pixels(self._processor, api.open_image(self._paths[digest])) for digest in prompt.images)
        return [unpatched(np.array(patches), grid, self._processor.image_processor) for patches, grid in made]

    def _grid(self, digest: str) -> Grid:
        if digest not in self._grids:
            cut = api.pixels(self._processor, api.open_image(self._paths[digest])) if self._tower is None else None
            self._grids[digest] = cut[1] if cut else self.features(digest).grid
        return self._grids[digest]

    def _compute(self, path: Path) -> Features:
        assert self._tower is not None, "a reader without a tower looks at nothing"
        pixels, grid = api.pixels(self._processor, api.open_image(path))
        return self._tower.features(pixels, grid)


class QwenDecoder:
    """Generation through the package's language model on prepared embeddings.

    The text that all prompts of a request begin with, before their first image, is read once.
    Prompts of one batch have equal token counts and grids: with DeepStack, mlx-vlm 0.7 answers wrongly when they
    differ.
    """

    max_batch = MAX_BATCH

    def __init__(self, model: nn.Module, reader: QwenReader) -> None:
        self._model = model
        self._reader = reader
        self._cache: list[Any] = []
        self._deltas = mx.array([[0]])
        self._prefix = 0  # tokens
        self._read: list[Any] = []

    def share(self, prompts: Sequence[Prompt]) -> int:
        common = shared_beginning(prompts, self._reader.image_token)
        self._prefix = len(common)
        self._read = api.empty_cache(self._model)
        if common:
            tokens = np.array([common], dtype=np.int32)
            ids = positions(common, (), self._reader.image_token, self._reader.merge).ids
            self._take(tokens, [], mx.array(ids[:, None]), self._read)
        return len(common)

    def group(self, prompt: Prompt) -> Hashable:
        return (len(prompt.tokens), prompt.grids)

    def start(self, prompts: Sequence[Prompt], room: int) -> mx.array:
        reader = self._reader
        places = [positions(p.tokens, p.grids, reader.image_token, reader.merge) for p in prompts]
        tokens = np.array([p.tokens for p in prompts], dtype=np.int32)
        seen = [reader.look(p, i) for p in prompts for i in range(len(p.grids))]
        ids = mx.array(np.stack([p.ids for p in places], axis=1))[..., self._prefix : -1]
        self._deltas = mx.array([[p.delta] for p in places])
        shared = self._prefix > 0
        self._cache = api.grown_cache(self._model, self._read, len(prompts)) if shared else api.empty_cache(self._model)
        self._take(tokens[:, self._prefix : -1], seen, ids, self._cache)
        return self.next(mx.array(tokens[:, -1]))

    def _take(self, tokens: np.ndarray, seen: list[Features], ids: mx.array, cache: list[Any]) -> None:
        """Read tokens [rows, width] at M-RoPE positions [3, rows, width] into the cache; nothing where width is 0."""
        if not tokens.shape[1]:
            return
        mask = tokens == self._reader.image_token
        api.read(self._model, mx.array(tokens), cache, **api.placed(self._model, tokens, mask, seen, ids))
        api.evaluate(cache)

    def next(self, tokens: mx.array) -> mx.array:
        logits = api.language_logits(self._model, tokens[:, None], self._cache, rope_deltas=self._deltas)
        mx.eval(logits)
        return logits

    def keep(self, rows: list[int]) -> None:
        index = mx.array(rows)
        self._deltas = self._deltas[index]
        api.keep_rows(self._cache, index)
