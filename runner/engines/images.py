"""The image engine: mlx-vlm models, by the package's own way for any family and by a faster one for Qwen3-VL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten

from runner.canonical import PREFIX, digest_value
from runner.engines import mlx_vlm_api as api
from runner.engines.backend import prepare
from runner.engines.decoding import Decoder
from runner.engines.digest import digest_arrays
from runner.engines.engine import ChosenPath, MlxEngine, turned_off
from runner.engines.images_plain import PlainDecoder, PlainReader
from runner.engines.images_qwen3_vl import QwenDecoder, QwenReader
from runner.engines.lora import Attached
from runner.engines.plain import PlainImages
from runner.engines.protocol import GenerateRequest, TuneRequest
from runner.engines.reading import Counter, ImageReading
from runner.engines.rows import Row
from runner.engines.tower_numpy import tower_for
from runner.engines.vision import FOLDER, VERSION, FeatureStore
from runner.engines.walk_decoder import WalkDecoder
from runner.engines.walk_qwen3_vl import QwenWalk, can_walk
from runner.machine.environment import environment_class
from runner.spec.model import LoraSpec


class ImageEngine(MlxEngine):
    """A base model that mlx-vlm loads."""

    def __init__(self, checkpoint: Path, *, family: str, dtype: str = "auto") -> None:
        model, self.processor, self.config = api.load(checkpoint)
        self.quantization = api.quantization(model)
        prepared = prepare(model, dtype, api.dequantize)
        self.model, self.note = prepared.model, prepared.note
        self.family = family
        self.tokenizer = api.tokenizer_of(self.processor)
        self.end_tokens = api.end_tokens(self.model, self.processor)
        self.features = FeatureStore()
        self.refusal = can_walk(self.model, self.config)
        self.reader: PlainReader | QwenReader = self.plain_reader()
        if not self.refusal:
            tower = tower_for(self.model.vision_tower)
            self.reader = QwenReader(tower, self.processor, self.config, lambda: self.features)
        self.reading = ImageReading(lambda: self.reader, self.tokenizer, self.end_tokens)

    def plain_reader(self) -> PlainReader:
        """Prompts by the family's own processor."""
        return PlainReader(self.processor, self.config)

    def use_root(self, root: Path) -> None:
        """Keep features of the base's tower in the project at `root`, none of an earlier step in memory."""
        self.features.forget()  # they would count in this step's peak, and its forecast knows of none
        if isinstance(self.reader, QwenReader):
            self.reader.forget()
        if not self.refusal and root != self.root:
            self.features = FeatureStore(root / FOLDER / self._tower_name())
        super().use_root(root)

    def _tower_name(self) -> str:
        """Of all that decides a feature's bits: the tower, how images are cut, and what computes."""
        tower = digest_arrays(dict(tree_flatten(self.model.vision_tower.parameters())))
        parts = [tower, self.image_settings(), environment_class(), self.note, VERSION]
        return digest_value(parts).removeprefix(PREFIX)[:16]

    def image_settings(self) -> dict[str, str]:
        return api.image_settings(self.processor)

    def attach(self, lora: LoraSpec, *, seed: int, stream: str) -> Attached:
        return api.attach(self.model, lora, self.quantization, seed=seed, stream=stream)

    @contextmanager
    def adapted(self, adapter: Path | None) -> Iterator[None]:
        """The base model with an adapter on it; features of an adapted tower are never those of the base's."""
        with super().adapted(adapter), self.seeing():
            yield

    @contextmanager
    def seeing(self) -> Iterator[None]:
        """While answers are made: features of an adapted tower are kept apart, and not for long."""
        kept = self.features
        if api.tower_is_adapted(self.model):
            self.features = FeatureStore()
        try:
            yield
        finally:
            self.features = kept

    def lora_of(self, config: dict[str, Any]) -> LoraSpec:
        return api.lora_of(config)

    def plain_weights(self) -> None:
        self.model = api.dequantize(self.model)

    def save_weights(self, folder: Path) -> None:
        api.save_weights(folder, self.model)

    def layers(self) -> list[nn.Module]:
        return api.layers(self.model)

    def choose_path(self, request: TuneRequest, rows: Sequence[Row]) -> ChosenPath:
        reader, recompute = self.reader, request.grad_checkpoint
        if isinstance(reader, PlainReader):
            plain = PlainImages(reader.inputs, api.logits)
            return ChosenPath(plain, {"packed": f"off: {self.refusal}"}, patch_layers=recompute)
        why = "LoRA is on the vision tower" if request.lora.vision else turned_off(request.train_spec)
        if why:
            plain = PlainImages(reader.pixels, api.logits)
            taken = {"packed": f"off: {why}", "cache_vision": f"off: {why}"}
            return ChosenPath(plain, taken, patch_layers=recompute)
        cached = request.train_spec.cache_vision
        walk = QwenWalk(reader.look if cached else reader.look_again, reader.image_token, reader.merge)
        chosen = self.packed(request, rows, walk, reader.image_token)
        return replace(chosen, taken=chosen.taken | {"cache_vision": "on" if cached else "off: not in the plan"})

    def package_inputs(self, row: Row) -> dict[str, Any]:
        reader = self.reader
        return reader.inputs(row.prompt) if isinstance(reader, PlainReader) else reader.pixels(row.prompt)

    def package_logits(self, model: nn.Module, tokens: mx.array, inputs: dict[str, Any]) -> mx.array:
        return api.package_logits(model, tokens, inputs)

    def decoder(self, request: GenerateRequest) -> Decoder:
        if isinstance(self.reader, PlainReader):
            return PlainDecoder(self.model, self.reader)
        if not request.settings.pack:
            return QwenDecoder(self.model, self.reader)
        walk = QwenWalk(self.reader.look, self.reader.image_token, self.reader.merge)
        return WalkDecoder(self.model, walk, self.reader.image_token)


def image_reader(checkpoint: Path) -> Counter:
    """The reader of an image model's checkpoint folder, which has been vetted: no tower, no weights."""
    model, processor, config = api.load_reading(checkpoint)
    reader: PlainReader | QwenReader = PlainReader(processor, config)
    if not can_walk(model, config):
        reader = QwenReader(None, processor, config, FeatureStore)
    return Counter(ImageReading(lambda: reader, api.tokenizer_of(processor), api.end_tokens(model, processor)))
