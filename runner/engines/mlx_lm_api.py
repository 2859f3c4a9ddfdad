"""All calls of the mlx-lm package (0.32): loading, LoRA layers, chat template, caches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.models.cache import BatchKVCache, KVCache, make_prompt_cache
from mlx_lm.models.switch_layers import QuantizedSwitchLinear, SwitchLinear
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import dequantize_model, load_model, load_tokenizer

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
        tokenizer = load_tokenizer(folder, {"trust_remote_code": False}, eos_token_ids=config.get("eos_token_id"))
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, AttributeError) as error:
        raise InvalidError(f"`{folder}` cannot be loaded by mlx-lm: {error}") from error
    return model, tokenizer, config


def dequantize(model: nn.Module) -> nn.Module:
    """The model with plain linear and embedding layers in place of quantized ones."""
    return dequantize_model(model)


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


def batch_cache(model: nn.Module, left_padding: Sequence[int]) -> list[Any] | None:
    """A cache for prompts of unequal length, padded on the left; None where the architecture has no such cache."""
    plain = make_prompt_cache(model)
    if any(type(c) is not KVCache for c in plain):
        return None
    return [BatchKVCache(list(left_padding)) for _ in plain]


def logits(model: nn.Module, tokens: mx.array, cache: list[Any]) -> mx.array:
    """Logits at the last position, [batch, vocabulary]."""
    return model(tokens, cache=cache)[:, -1, :]


def keep_rows(cache: list[Any], rows: list[int]) -> None:
    """Drop the other rows of a batch from its cache, in place."""
    for layer in cache:
        if hasattr(layer, "filter"):
            layer.filter(mx.array(rows))
        else:
            layer.keys, layer.values = layer.keys[mx.array(rows)], layer.values[mx.array(rows)]
