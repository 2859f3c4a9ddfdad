"""All calls of the mlx-vlm package (0.7): loading, processors, LoRA layers, chat template, towers, caches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_unflatten
from mlx_vlm.models.cache import make_prompt_cache
from mlx_vlm.prompt_utils import apply_chat_template
from mlx_vlm.trainer.peft.dora_layers import DoRALinear
from mlx_vlm.trainer.peft.lora_layers import LoRALinear
from mlx_vlm.trainer.peft.utils import dequantize
from mlx_vlm.utils import (
    get_model_and_args,
    load_config,
    load_image,
    load_image_processor,
    load_model,
    load_processor,
    prepare_inputs,
    save_weights,
    update_module_configs,
)
from mlx_vlm.utils import load as official_load
from PIL import Image
from transformers.utils.logging import set_verbosity_error

from runner.engines.lora import Attached, finish_attachment, select_targets
from runner.engines.mlx_lm_api import quantize_as
from runner.engines.vision import Features, Grid
from runner.errors import InvalidError
from runner.spec.model import LoraSpec

__all__ = ["dequantize", "save_weights"]

_KINDS = (nn.Linear, nn.QuantizedLinear)


def load(folder: Path) -> tuple[nn.Module, Any, dict[str, Any]]:
    """Model, processor and config of a checkpoint folder. The folder must have been vetted: mlx-vlm runs Python files
    that a config names.

    Raises:
        InvalidError: mlx-vlm cannot load it.
    """
    set_verbosity_error()  # its processors warn at every call of mlx-vlm 0.7
    try:
        config = load_config(folder)
        if config.get("model_file"):
            raise ValueError("its config names a Python file to run")
        model = load_model(folder, lazy=True)
        processor = _processor(folder, model)
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, AttributeError, ImportError) as error:
        raise InvalidError(f"`{folder}` cannot be loaded by mlx-vlm: {error}") from error
    return model, processor, config


def load_reading(folder: Path) -> tuple[nn.Module, Any, dict[str, Any]]:
    """What `load` gives, without the weights: the model is its architecture alone, its weights lazy and made up.

    Raises:
        InvalidError: mlx-vlm cannot load it.
    """
    set_verbosity_error()
    try:
        config = load_config(folder)
        model = skeleton(config)
        processor = _processor(folder, model)
    except (ValueError, KeyError, TypeError, OSError, RuntimeError, AttributeError, ImportError) as error:
        raise InvalidError(f"the processor in `{folder}` cannot be loaded by mlx-vlm: {error}") from error
    return model, processor, config


def _processor(folder: Path, model: nn.Module) -> Any:
    image_processor = load_image_processor(folder)
    processor = load_processor(folder, True, eos_token_ids=getattr(model.config, "eos_token_id", None))
    if image_processor is not None:
        processor.image_processor = image_processor
    return processor


def open_officially(folder: Path, adapter: Path) -> nn.Module:
    """The model as `mlx_vlm.load(folder, adapter_path=…)` gives it."""
    set_verbosity_error()
    model: nn.Module = official_load(str(folder), adapter_path=str(adapter))[0]
    return model


def package_logits(model: nn.Module, tokens: mx.array, inputs: dict[str, Any]) -> mx.array:
    """The package's own call on whole rows: logits [rows, tokens, vocabulary]."""
    others = {name: value for name, value in inputs.items() if name != "pixel_values"}
    return logits(model, tokens, inputs.get("pixel_values"), **others)


def skeleton(config: dict[str, Any]) -> nn.Module:
    """The architecture that a config.json describes, weights lazy and made up; the language model quantized as it says.

    Raises:
        InvalidError: mlx-vlm does not know the architecture.
    """
    config = {name: value for name, value in config.items() if name != "model_file"}
    try:
        classes, _ = get_model_and_args(config)
        settings = update_module_configs(
            classes.ModelConfig.from_dict(config), classes, config, ["text", "vision", "projector"]
        )
        model: nn.Module = classes.Model(settings)
    except (ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise InvalidError(f"mlx-vlm cannot build this architecture: {error}") from error
    quantize_as(model, config, lambda name: name.startswith("language_model"))
    return model


def end_tokens(model: nn.Module, processor: Any) -> frozenset[int]:
    """The tokens that end an answer: the config's and the tokenizer's."""
    named = getattr(model.config, "eos_token_id", None)
    listed = named if isinstance(named, list | tuple) else [named]
    own = [tokenizer_of(processor).eos_token_id]
    return frozenset(int(t) for t in [*listed, *own] if t is not None)


def tokenizer_of(processor: Any) -> Any:
    """The processor's tokenizer."""
    return getattr(processor, "tokenizer", processor)


def layers(model: nn.Module) -> list[nn.Module]:
    """The language model's decoder layers, first to last."""
    language = getattr(model, "language_model", model)
    return list(language.layers if hasattr(language, "layers") else language.model.layers)


def vision_blocks(model: nn.Module) -> list[nn.Module]:
    """The modules of the vision tower that LoRA may adapt, as one list of blocks."""
    tower = getattr(model, "vision_tower", None) or getattr(model, "vision_model", None)
    return [] if tower is None else [tower]


def tower_is_adapted(model: nn.Module) -> bool:
    """Whether LoRA layers sit in the vision tower."""
    return any(isinstance(m, LoRALinear | DoRALinear) for block in vision_blocks(model) for m in block.modules())


def quantization(model: nn.Module) -> dict[str, dict[str, Any]]:
    """How each quantized module is packed; mlx-vlm wants it beside an adapter."""
    return {
        name: {"group_size": m.group_size, "bits": m.bits, "mode": getattr(m, "mode", "affine")}
        for name, m in model.named_modules()
        if isinstance(m, nn.QuantizedLinear | nn.QuantizedEmbedding)
    }


def attach(model: nn.Module, lora: LoraSpec, base_quantization: dict[str, Any], *, seed: int, stream: str) -> Attached:
    """Wrap the spec's modules in mlx-vlm's LoRA (or DoRA) layers.

    Raises:
        InvalidError: as `select_targets` and `finish_attachment`.
    """
    blocks = [layers(model), *([vision_blocks(model)] if lora.vision else [])]
    targets = select_targets(model, blocks, lora, _KINDS)
    kind = DoRALinear if lora.type == "dora" else LoRALinear
    wrapped = [(t.name, kind.from_base(t.module, r=lora.rank, dropout=lora.dropout, scale=lora.scale)) for t in targets]
    model.update_modules(tree_unflatten(wrapped))
    parameters = {"rank": lora.rank, "dropout": lora.dropout, "scale": lora.scale, "keys": [t.name for t in targets]}
    config: dict[str, Any] = {"fine_tune_type": "dora" if lora.type == "dora" else "lora", "num_layers": -1}
    config["lora_parameters"] = parameters
    if base_quantization:
        config["base_quantization"] = base_quantization
    return finish_attachment(model, targets, lora, config, seed=seed, stream=stream)


def lora_of(config: dict[str, Any]) -> LoraSpec:
    """The settings in an adapter_config.json of mlx-vlm, as a spec that `attach` takes."""
    parameters = config["lora_parameters"]
    rank = int(parameters["rank"])
    return LoraSpec(
        type=str(config.get("fine_tune_type", "lora")),
        rank=rank,
        alpha=float(parameters["scale"]) * rank,
        dropout=float(parameters["dropout"]),
        target_modules=tuple(parameters["keys"]),
        vision=True,  # the names are whole paths, so the tower is searched as well
    )


def render(processor: Any, config: dict[str, Any], messages: list[dict[str, str]], images: int, *, ask: bool) -> str:
    """Text of a conversation by the family's own format and chat template; `ask` ends it where the assistant speaks."""
    return str(apply_chat_template(processor, config, messages, add_generation_prompt=ask, num_images=images))


def render_qwen(
    processor: Any, config: dict[str, Any], messages: list[dict[str, str]], images: int, *, ask: bool
) -> str:
    """The same for Qwen3-VL, without the detour through transformers' processor."""
    formatted = apply_chat_template(processor, config, messages, num_images=images, return_messages=True)
    template = getattr(processor, "chat_template", None)
    tokenizer = tokenizer_of(processor)
    text = tokenizer.apply_chat_template(formatted, chat_template=template, tokenize=False, add_generation_prompt=ask)
    return str(text)


def open_image(path: Path) -> Image.Image:
    """An image as the package reads it: upright, RGB.

    Raises:
        InvalidError: not a readable image.
    """
    try:
        image: Image.Image = load_image(str(path))
    except (ValueError, OSError) as error:
        raise InvalidError(f"`{path}` is not an image that can be read: {error}") from error
    return image


def model_inputs(processor: Any, config: dict[str, Any], text: str, images: list[Image.Image]) -> dict[str, Any]:
    """What the family's own processor makes of a text and its images: input_ids, pixel_values, …"""
    index = config.get("image_token_index", config.get("image_token_id"))
    inputs: dict[str, Any] = prepare_inputs(
        processor, images=images or None, prompts=text, image_token_index=index, add_special_tokens=False
    )
    return inputs


def logits(model: nn.Module, tokens: mx.array, pixel_values: Any = None, **inputs: Any) -> mx.array:
    """The package's own call on whole rows: logits [rows, tokens, vocabulary]."""
    return model(tokens, pixel_values, None, **inputs).logits


def embed(model: nn.Module, tokens: mx.array, pixel_values: Any, **inputs: Any) -> dict[str, Any]:
    """The package's own input embeddings and what its language model wants beside them."""
    features: dict[str, Any] = model.get_input_embeddings(tokens, pixel_values, **inputs).to_dict()
    return {name: value for name, value in features.items() if value is not None}


def empty_cache(model: nn.Module) -> list[Any]:
    """A key-value cache for one batch of equally long prompts."""
    return list(make_prompt_cache(model.language_model))


def grown_cache(model: nn.Module, prefix: list[Any], rows: int) -> list[Any]:
    """A cache for `rows` prompts that all begin with what `prefix` (a cache of one prompt) has read."""
    grown = empty_cache(model)
    for layer, read_before in zip(grown, prefix, strict=True):
        seen = read_before.offset
        layer.keys, layer.values = (
            mx.repeat(part[..., :seen, :], rows, axis=0) for part in (read_before.keys, read_before.values)
        )
        layer.offset = seen
    return grown


def read(model: nn.Module, tokens: mx.array, cache: list[Any], **inputs: Any) -> None:
    """Take tokens into the cache; no logits are computed, and nothing is evaluated: while a caller holds `inputs`,
    their buffers can't be taken over."""
    model.language_model(tokens, cache=cache, **inputs)


def evaluate(cache: list[Any]) -> None:
    """Compute what was read into the cache."""
    mx.eval([layer.state for layer in cache])


def language_logits(model: nn.Module, tokens: mx.array, cache: list[Any], **inputs: Any) -> mx.array:
    """Logits at the last position, [batch, vocabulary]."""
    return model.language_model(tokens, cache=cache, **inputs).logits[:, -1, :]


def keep_rows(cache: list[Any], rows: mx.array) -> None:
    """Drop the other rows of a batch from its cache, in place."""
    for layer in cache:
        layer.keys, layer.values = layer.keys[rows], layer.values[rows]


def image_settings(processor: Any) -> dict[str, str]:
    """How the processor makes patches of an image, as plain words."""
    settings = vars(processor.image_processor)
    return {name: repr(settings[name]) for name in sorted(settings) if not name.startswith("_")}


def pixels(processor: Any, image: Image.Image) -> tuple[mx.array, Grid]:
    """Qwen3-VL: an image as patches [patches, values], and its grid (frames, height, width in patches)."""
    made = processor.image_processor(images=[image])
    frames, height, width = (int(n) for n in np.asarray(made["image_grid_thw"])[0])
    return mx.array(np.asarray(made["pixel_values"])), (frames, height, width)


def placed(
    model: nn.Module, tokens: np.ndarray, mask: np.ndarray, seen: list[Features], ids: mx.array
) -> dict[str, Any]:
    """Qwen3-VL: what the language model takes for a batch of prompts [rows, tokens] whose images are looked up.

    `ids` are M-RoPE positions [3, rows, tokens]. Features lie in the order of the masked positions, row by row.
    """
    embedded = model.language_model.model.embed_tokens(mx.array(tokens))
    if not seen:
        return {"inputs_embeds": embedded, "position_ids": ids}
    flat = embedded.reshape(-1, embedded.shape[-1])
    flat[mx.array(np.nonzero(mask.reshape(-1))[0].astype(np.uint32))] = mx.concatenate([s.merged for s in seen])
    levels = [mx.concatenate([s.deepstack[i] for s in seen]) for i in range(len(seen[0].deepstack))]
    return {
        "inputs_embeds": flat.reshape(embedded.shape),
        "position_ids": ids,
        "visual_pos_masks": mx.array(mask),
        "deepstack_visual_embeds": levels,
    }
