"""The text engine: mlx-lm models."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn

from runner.engines import mlx_lm_api as api
from runner.engines.backend import prepare
from runner.engines.chat import answer_after, end_of_turn, free_from, messages_of
from runner.engines.decoding import MAX_BATCH, Decoder
from runner.engines.engine import ChosenPath, MlxEngine, turned_off
from runner.engines.lora import Attached
from runner.engines.packed import Packed
from runner.engines.plain import PlainText
from runner.engines.protocol import GenerateRequest, TuneRequest
from runner.engines.rows import Prompt, Row
from runner.engines.walk_llama import LlamaWalk, can_walk
from runner.samples.sample import Sample
from runner.spec.model import LoraSpec


class TextEngine(MlxEngine):
    """A base model that mlx-lm loads."""

    def __init__(self, checkpoint: Path, *, family: str, dtype: str = "auto") -> None:
        model, self.tokenizer, self.config = api.load(checkpoint)
        prepared = prepare(model, dtype, api.dequantize)
        self.model, self.note = prepared.model, prepared.note
        self.family = family
        self.end_tokens = frozenset(int(t) for t in self.tokenizer.eos_token_ids)

    def prompt(self, sample: Sample, root: Path) -> Prompt:
        messages = messages_of(sample.system, sample.prompt)
        if not api.has_template(self.tokenizer):
            return Prompt(tuple(self.tokenizer.encode(f"{sample.system}{sample.prompt}")))
        tokens = api.render(self.tokenizer, messages)
        empty = api.render(self.tokenizer, messages_of(sample.system, ""))
        return Prompt(tuple(tokens), fixed=free_from(tokens, empty))

    def answer(self, sample: Sample, prompt: Prompt, root: Path) -> list[int]:
        end = end_of_turn(self.tokenizer.eos_token_id, self.end_tokens)
        if api.has_template(self.tokenizer):
            messages = messages_of(sample.system, sample.prompt, sample.reference)
            whole = api.render_whole(self.tokenizer, messages)
            if (answer := answer_after(prompt.tokens, whole, self.end_tokens)) is not None:
                return answer
        return [*self.tokenizer.encode(sample.reference, add_special_tokens=False), end]

    def text(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens)))

    def attach(self, lora: LoraSpec, *, seed: int, stream: str) -> Attached:
        return api.attach(self.model, lora, seed=seed, stream=stream)

    def lora_of(self, config: dict[str, Any]) -> LoraSpec:
        return api.lora_of(config)

    def layers(self) -> list[nn.Module]:
        return api.layers(self.model)

    def choose_path(self, request: TuneRequest, rows: Sequence[Row]) -> ChosenPath:
        if refusal := turned_off(request.train_spec) or can_walk(self.model, self.config):
            return ChosenPath(PlainText(), {"packed": f"off: {refusal}"}, patch_layers=request.grad_checkpoint)
        return ChosenPath(Packed(self.model, LlamaWalk(), recompute=request.grad_checkpoint), {"packed": "on"})

    def decoder(self, request: GenerateRequest) -> Decoder:
        return TextDecoder(self.model)


class TextDecoder:
    """Generation with the package's own model call and caches; prompts of unequal length are padded on the left."""

    max_batch = MAX_BATCH

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._cache: list[Any] = []
        self._ragged = api.batch_cache(model, [0]) is not None

    def group(self, prompt: Prompt) -> Hashable:
        return "" if self._ragged else len(prompt.tokens)

    def start(self, prompts: Sequence[Prompt], room: int) -> mx.array:
        width = max(len(p.tokens) for p in prompts)
        padding = [width - len(p.tokens) for p in prompts]
        cache = api.batch_cache(self._model, padding) if self._ragged else None
        self._cache = api.empty_cache(self._model) if cache is None else cache
        tokens = mx.array([[0] * n + list(p.tokens) for n, p in zip(padding, prompts, strict=True)])
        return self._evaluated(api.logits(self._model, tokens, self._cache))

    def next(self, tokens: mx.array) -> mx.array:
        return self._evaluated(api.logits(self._model, tokens[:, None], self._cache))

    def keep(self, rows: list[int]) -> None:
        api.keep_rows(self._cache, rows)

    def _evaluated(self, logits: mx.array) -> mx.array:
        mx.eval(logits)
        return logits
