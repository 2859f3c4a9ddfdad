"""Which architectures are walked block by block, and so have the fast paths: read from config.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unwalked(config: Mapping[str, Any]) -> str:
    """Why a model of this config takes the plain path, the package's own call; empty where it is walked."""
    kind = config.get("model_type")
    if kind == "llama":
        sliding = "sliding_attention" in (config.get("layer_types") or ())
        return "it has sliding-window layers" if sliding else ""
    if kind == "qwen3_vl":
        levels = (config.get("vision_config") or {}).get("deepstack_visual_indexes") or ()
        return "DeepStack reaches its last layer" if len(levels) >= layer_count(config) else ""
    return f"no fast path for `{kind}`"


def layer_count(config: Mapping[str, Any]) -> int:
    """Decoder layers of the language model."""
    text = config.get("text_config")
    value = (text if isinstance(text, Mapping) else config).get("num_hidden_layers", config.get("num_hidden_layers"))
    return value if isinstance(value, int) else 0
