"""Folding an adapter into its base model's weights, and whether the fused model still is the tuned one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_unflatten

from runner.engines.adapters import read_config, read_weights
from runner.engines.lora import Attached, load_into
from runner.engines.protocol import Fused, FuseRequest
from runner.engines.rows import Prompt, Row, make_row
from runner.engines.table import open_engine
from runner.errors import InvalidError
from runner.files import write_json
from runner.models.facts import checkpoint_config
from runner.samples.sample import Sample
from runner.spec.model import LoraSpec

CONFIG = "config.json"
_WEIGHTS = (".safetensors", ".safetensors.index.json")
_QUANTIZED = ("quantization", "quantization_config")


class Fusable(Protocol):
    """What is asked of an engine here."""

    model: nn.Module
    family: str

    def prompt(self, sample: Sample, root: Path) -> Prompt: ...
    def answer(self, sample: Sample, prompt: Prompt, root: Path) -> list[int]: ...
    def attach(self, lora: LoraSpec, *, seed: int, stream: str) -> Attached: ...
    def lora_of(self, config: dict[str, Any]) -> LoraSpec: ...
    def package_inputs(self, row: Row) -> dict[str, Any]: ...
    def package_logits(self, model: nn.Module, tokens: mx.array, inputs: dict[str, Any]) -> mx.array: ...
    def plain_weights(self) -> None: ...
    def save_weights(self, folder: Path) -> None: ...


def fuse(engine: Fusable, request: FuseRequest, out: Path) -> Fused:
    """Write the fused checkpoint to `out`, load it anew and compare. The engine's model is spent by it."""
    config = checkpoint_config(request.checkpoint)
    quantized = any(name in config for name in _QUANTIZED)
    base = _logits(engine, request.samples, request.root)
    attached = engine.attach(engine.lora_of(read_config(request.adapter)), seed=0, stream="fused")
    load_into(engine.model, read_weights(request.adapter))
    engine.model.eval()
    tuned = _logits(engine, request.samples, request.root)
    modules = dict(engine.model.named_modules())
    stiff = [name for name in attached.names if not hasattr(modules[name], "fuse")]
    if stiff:
        raise InvalidError(f"the package cannot fuse {type(modules[stiff[0]]).__name__} layers")
    folded = [(name, modules[name].fuse(dequantize=request.dequantize)) for name in attached.names]
    engine.model.update_modules(tree_unflatten(folded))
    if request.dequantize and quantized:
        engine.plain_weights()
        config = {name: value for name, value in config.items() if name not in _QUANTIZED}
    engine.save_weights(out)
    write_json(out / CONFIG, config)
    _copy_rest(request.checkpoint, out)
    again = open_engine(out, family=engine.family, dtype="stored")
    fused = _logits(again, request.samples, request.root)  # type: ignore[arg-type]
    again.close()
    return _compared(base, tuned, fused, quantized=quantized and not request.dequantize)


def _copy_rest(checkpoint: Path, out: Path) -> None:
    """Tokenizer, processor and chat template, as they are."""
    for path in sorted(checkpoint.iterdir()):
        if path.is_file() and path.name != CONFIG and not path.name.endswith(_WEIGHTS):
            shutil.copyfile(path, out / path.name)


def _logits(engine: Fusable, samples: Sequence[Sample], root: Path) -> mx.array:
    """The package's own logits at every position of the samples' answers, [positions, vocabulary] in float32."""
    found = []
    for sample in samples:
        prompt = engine.prompt(sample, root)
        row = make_row(sample, prompt, engine.answer(sample, prompt, root), mask_prompt=True)
        logits = engine.package_logits(engine.model, mx.array([row.tokens[:-1]]), engine.package_inputs(row))
        found.append(logits[0, row.first_label - 1 :].astype(mx.float32))
        mx.eval(found[-1])
    return mx.concatenate(found)


def _compared(base: mx.array, tuned: mx.array, fused: mx.array, *, quantized: bool) -> Fused:
    def size(array: mx.array) -> float:
        return float(mx.sqrt(mx.mean(mx.square(array))).item())

    return Fused(
        positions=tuned.shape[0],
        change=size(tuned - base),
        difference=size(fused - tuned),
        agreement=float(mx.mean(mx.argmax(fused, -1) == mx.argmax(tuned, -1)).item()),
        quantized=quantized,
    )
