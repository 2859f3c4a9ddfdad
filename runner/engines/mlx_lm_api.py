"""All calls of the mlx-lm package (0.32): loading, LoRA layers, chat template, caches."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.models.cache import BatchKVCache, KVCache, make_prompt_cache
from mlx_lm.models.switch_layers import QuantizedSwitchLinear, SwitchLinear
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import dequantize_model, load_config, load_model, load_tokenizer, save_model
from mlx_lm.utils import load as official_load

from runner.engines.lora import Attached, finish_attachment, select_targets
from runner.errors import InvalidError
from runner.spec.model import LoraSpec

_KINDS = (nn.Linear, nn.QuantizedLinear, SwitchLinear, QuantizedSwitchLinear, nn.Embedding, nn.QuantizedEmbedding)


def load(folder: Path) -> tuple[nn.Module, Any, dict[str, Any]]:
    """Model, tokenizer and config of a checkpoint folder; no Python file of it is ever run.

    Raises:
        InvalidError: mlx-lm cannot load it.
    """
    try:
        model, config = load_model(folder, lazy=True, trust_remote_code=False)
        tokenizer = _tokenizer(folder, config)
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, AttributeError) as error:
        raise InvalidError(f"`{folder}` cannot be loaded by mlx-lm: {error}") from error
    return model, tokenizer, config


def load_reading(folder: Path) -> Any:
    """The tokenizer that `load` gives, without the model.

    Raises:
        InvalidError: mlx-lm cannot load it.
    """
    try:
        return _tokenizer(folder, load_config(folder))
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, AttributeError) as error:
        raise InvalidError(f"the tokenizer in `{folder}` cannot be loaded by mlx-lm: {error}") from error


def _tokenizer(folder: Path, config: dict[str, Any]) -> Any:
    return load_tokenizer(folder, {"trust_remote_code": False}, eos_token_ids=config.get("eos_token_id"))


def open_officially(folder: Path, adapter: Path) -> nn.Module:
    """The model as `mlx_lm.load(folder, adapter_path=…)` gives it."""
    model: nn.Module = official_load(str(folder), adapter_path=str(adapter))[0]
    return model


def package_logits(model: nn.Module, tokens: mx.array, inputs: dict[str, Any]) -> mx.array:
    """The package's own call on whole rows: logits [rows, tokens, vocabulary]."""
    made: mx.array = model(tokens)
    return made


def skeleton(config: dict[str, Any]) -> nn.Module:
    """The architecture that a config.json describes, weights lazy and made up.

    Quantized as its config says, every layer that can be: which ones were is known only from the weights.

    Raises:
        InvalidError: mlx-lm does not know the architecture.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        try:
            model, _ = load_model(Path(folder), lazy=True, strict=False, trust_remote_code=False)
        except (ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
            raise InvalidError(f"mlx-lm cannot build this architecture: {error}") from error
    quantize_as(model, config, lambda _: True)
    return model


def quantize_as(model: nn.Module, config: dict[str, Any], wanted: Callable[[str], bool]) -> None:
    """Replace the modules whose names are `wanted` by quantized ones, as a config's `quantization` says."""
    settings = config.get("quantization")
    if not isinstance(settings, dict):
        return

    def choose(name: str, module: nn.Module) -> Any:
        if name in settings:
            return settings[name]
        fits = hasattr(module, "to_quantized") and module.weight.shape[-1] % settings["group_size"] == 0
        return fits and wanted(name)

    mode = settings.get("mode", "affine")
    nn.quantize(model, settings["group_size"], settings["bits"], mode=mode, class_predicate=choose)


def dequantize(model: nn.Module) -> nn.Module:
    """The model with plain linear and embedding layers in place of quantized ones."""
    return dequantize_model(model)


def save_weights(folder: Path, model: nn.Module) -> None:
    """Write a model's weights, in several files where they are large."""
    save_model(folder, model)


def layers(model: nn.Module) -> list[nn.Module]:
    """The decoder layers, first to last."""
    return list(model.layers)


def attach(model: nn.Module, lora: LoraSpec, *, seed: int, stream: str) -> Attached:
    """Wrap the spec's modules in mlx-lm's LoRA (or DoRA) layers.

    Raises:
        InvalidError: as `select_targets` and `finish_attachment`.
    """
    blocks = layers(model)
    targets = select_targets(model, [blocks], lora, _KINDS)
    names = {id(m): n for n, m in model.named_modules()}
    prefixes = [names[id(layer)] + "." for layer in blocks]
    keys = sorted({t.name.removeprefix(p) for t in targets for p in prefixes if t.name.startswith(p)})
    count = lora.num_layers or len(blocks)
    parameters = {"rank": lora.rank, "scale": lora.scale, "dropout": lora.dropout, "keys": keys}
    dora = lora.type == "dora"
    try:
        linear_to_lora_layers(model, count, parameters, use_dora=dora)
    except ValueError as error:
        raise InvalidError(f"mlx-lm cannot adapt this model: {error}") from error
    config = {"fine_tune_type": "dora" if dora else "lora", "num_layers": count, "lora_parameters": parameters}
    return finish_attachment(model, targets, lora, config, seed=seed, stream=stream)


def lora_of(config: dict[str, Any]) -> LoraSpec:
    """The settings in an adapter_config.json of mlx-lm, as a spec that `attach` takes."""
    parameters = config["lora_parameters"]
    rank = int(parameters["rank"])
    return LoraSpec(
        type=str(config.get("fine_tune_type", "lora")),
        rank=rank,
        alpha=float(parameters["scale"]) * rank,
        dropout=float(parameters["dropout"]),
        target_modules=tuple(parameters["keys"]),
        num_layers=int(config["num_layers"]) or None,
    )


def has_template(tokenizer: Any) -> bool:
    """Whether the tokenizer brings a chat template."""
    return bool(getattr(tokenizer, "chat_template", None))


def render(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    """Tokens of a conversation up to where the assistant speaks."""
    return list(tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False))


def render_whole(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    """Tokens of a conversation with its answer."""
    return list(tokenizer.apply_chat_template(messages, return_dict=False))


def empty_cache(model: nn.Module) -> list[Any]:
    """A key-value cache for one batch of equally long prompts."""
    return list(make_prompt_cache(model))


def can_be_ragged(model: nn.Module) -> bool:
    """Whether the architecture's cache takes prompts of unequal length in one batch."""
    return all(type(c) is KVCache for c in make_prompt_cache(model))


def grown_cache(prefix: list[Any], rows: int) -> list[Any]:
    """A ragged cache for `rows` prompts that all begin with what `prefix` (a cache of one prompt) has read."""
    grown = []
    for layer in prefix:
        cache = BatchKVCache([0] * rows)
        if layer.keys is not None:
            keys, values = layer.keys_and_values()
            cache.keys = mx.repeat(keys, rows, axis=0)
            cache.values = mx.repeat(values, rows, axis=0)
            cache.offset, cache._idx = mx.array([layer.offset] * rows), layer.offset
        grown.append(cache)
    return grown


def read(model: nn.Module, tokens: mx.array, cache: list[Any], lengths: Sequence[int] | None = None) -> None:
    """Take tokens [rows, longest] into the cache; no logits are computed. `lengths` where rows are padded on the
    right."""
    longest = tokens.shape[1]
    if longest == 0:
        return
    padding = [longest - n for n in lengths] if lengths is not None else []
    if any(padding):
        for layer in cache:
            layer.prepare(lengths=list(lengths or []), right_padding=padding)
    model(tokens, cache=cache)
    if any(padding):
        for layer in cache:
            layer.finalize()
    mx.eval([layer.state for layer in cache])


def logits(model: nn.Module, tokens: mx.array, cache: list[Any]) -> mx.array:
    """Take one token a row [rows]; logits of the one after it [rows, vocabulary]."""
    return model(tokens[:, None], cache=cache)[:, -1, :]


def keep_rows(cache: list[Any], rows: list[int]) -> None:
    """Drop the other rows of a batch from its cache, in place."""
    index = mx.array(rows)
    for layer in cache:
        if hasattr(layer, "filter"):
            layer.filter(index)
        else:
            layer.keys, layer.values = layer.keys[index], layer.values[index]
