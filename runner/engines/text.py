"""The text engine: mlx-lm models."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn

from runner.engines import mlx_lm_api as api
from runner.engines.backend import prepare
from runner.engines.decoding import Decoder
from runner.engines.engine import ChosenPath, MlxEngine, turned_off
from runner.engines.lora import Attached
from runner.engines.plain import PlainText
from runner.engines.protocol import GenerateRequest, TuneRequest
from runner.engines.reading import TextReading
from runner.engines.rows import Prompt, Row, shared_beginning
from runner.engines.walk_decoder import WalkDecoder
from runner.engines.walk_llama import LlamaWalk, can_walk
from runner.memory.fit_answers import MAX_BATCH
from runner.spec.model import LoraSpec


class TextEngine(MlxEngine):
    """A base model that mlx-lm loads."""

    def __init__(self, checkpoint: Path, *, family: str, dtype: str = "auto") -> None:
        model, self.tokenizer, self.config = api.load(checkpoint)
        prepared = prepare(model, dtype, api.dequantize)
        self.model, self.note = prepared.model, prepared.note
        self.family = family
        self.refusal = can_walk(self.model, self.config)
        self.end_tokens = frozenset(int(t) for t in self.tokenizer.eos_token_ids)
        self.reading = TextReading(self.tokenizer, self.end_tokens)

    def attach(self, lora: LoraSpec, *, seed: int, stream: str) -> Attached:
        return api.attach(self.model, lora, seed=seed, stream=stream)

    def lora_of(self, config: dict[str, Any]) -> LoraSpec:
        return api.lora_of(config)

    def plain_weights(self) -> None:
        self.model = api.dequantize(self.model)

    def save_weights(self, folder: Path) -> None:
        api.save_weights(folder, self.model)

    def layers(self) -> list[nn.Module]:
        return api.layers(self.model)

    def choose_path(self, request: TuneRequest, rows: Sequence[Row]) -> ChosenPath:
        if refusal := self.refusal or turned_off(request.train_spec):
            return ChosenPath(PlainText(), {"packed": f"off: {refusal}"}, patch_layers=request.grad_checkpoint)
        return self.packed(request, rows, LlamaWalk())

    def package_inputs(self, row: Row) -> dict[str, Any]:
        return {}

    def package_logits(self, model: nn.Module, tokens: mx.array, inputs: dict[str, Any]) -> mx.array:
        return api.package_logits(model, tokens, inputs)

    def decoder(self, request: GenerateRequest) -> Decoder:
        walks = request.settings.pack and not self.refusal
        return WalkDecoder(self.model, LlamaWalk()) if walks else TextDecoder(self.model)


class TextDecoder:
    """Generation with the package's own model call and caches.

    What all prompts of a request begin with is read once. Prompts of unequal length share a batch where the
    architecture's cache can hold them. Logits are computed for the last position alone.
    """

    max_batch = MAX_BATCH

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._cache: list[Any] = []
        self._ragged = api.can_be_ragged(model)
        self._prefix: tuple[int, ...] = ()
        self._read: list[Any] = []

    def share(self, prompts: Sequence[Prompt]) -> int:
        self._prefix = shared_beginning(prompts) if self._ragged else ()
        self._read = api.empty_cache(self._model)
        if self._prefix:
            api.read(self._model, mx.array([self._prefix]), self._read)
        return len(self._prefix)

    def group(self, prompt: Prompt) -> Hashable:
        return "" if self._ragged else len(prompt.tokens)

    def start(self, prompts: Sequence[Prompt], room: int) -> mx.array:
        rest = [list(p.tokens[len(self._prefix) : -1]) for p in prompts]
        lengths = [len(r) for r in rest]
        longest = max(lengths)
        tokens = mx.array([r + [0] * (longest - len(r)) for r in rest], dtype=mx.int32).reshape(len(rest), longest)
        fits = self._ragged and (self._prefix or len(set(lengths)) > 1)
        self._cache = api.grown_cache(self._read, len(rest)) if fits else api.empty_cache(self._model)
        api.read(self._model, tokens, self._cache, lengths if fits else None)
        return self.next(mx.array([p.tokens[-1] for p in prompts]))

    def next(self, tokens: mx.array) -> mx.array:
        logits = api.logits(self._model, tokens, self._cache)
        mx.eval(logits)
        return logits

    def keep(self, rows: list[int]) -> None:
        api.keep_rows(self._cache, rows)
