"""Which engine serves which model family; engines are loaded by name when one is opened."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from runner.engines.device import activate_blas
from runner.engines.protocol import Engine, Reader
from runner.errors import InvalidError
from runner.models.facts import checkpoint_config
from runner.models.vet import vet_checkpoint

TEXT = "runner.engines.text:TextEngine"
IMAGES = "runner.engines.images:ImageEngine"
TEXT_READER = "runner.engines.reading:text_reader"
IMAGE_READER = "runner.engines.images:image_reader"


def open_engine(checkpoint: Path, *, family: str, dtype: str = "auto") -> Engine:
    """Load the base model in `checkpoint` and return its engine.

    `family` is the spec's word (qwen3_vl, llama, any model_type that the packages load); a checkpoint with a
    vision tower is served by the image engine whatever it is called. `dtype` is auto, float32, bfloat16, float16 or
    stored; auto is what is fast on the backend.

    Raises:
        InvalidError: the folder holds what could run code or is no checkpoint, or the packages cannot load it.
    """
    name = _checked(checkpoint, text=TEXT, images=IMAGES)
    engine: Engine = _named(name)(checkpoint, family=family, dtype=dtype)
    return engine


def open_reader(checkpoint: Path) -> Reader:
    """The tokenizer and processor in `checkpoint`; no weights are loaded.

    Raises:
        InvalidError: as `open_engine`.
    """
    reader: Reader = _named(_checked(checkpoint, text=TEXT_READER, images=IMAGE_READER))(checkpoint)
    return reader


def _checked(checkpoint: Path, *, text: str, images: str) -> str:
    """The one of two names that fits the checkpoint, once its folder was found harmless and MLX is ready."""
    if findings := vet_checkpoint(checkpoint):
        raise InvalidError.of(findings)
    activate_blas()
    return images if checkpoint_config(checkpoint).get("vision_config") else text


def _named(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
