"""Which engine serves which model family; engines are loaded by name when one is opened."""

from __future__ import annotations

import importlib
from pathlib import Path

from runner.engines.device import activate_blas
from runner.engines.protocol import Engine
from runner.errors import InvalidError
from runner.files import read_json
from runner.models.vet import vet_checkpoint

TEXT = "runner.engines.text:TextEngine"
IMAGES = "runner.engines.images:ImageEngine"


def open_engine(checkpoint: Path, *, family: str, dtype: str = "auto") -> Engine:
    """Load the base model in `checkpoint` and return its engine.

    `family` is the spec's word (qwen3_vl, llama, any model_type that the packages load); a checkpoint with a
    vision tower is served by the image engine whatever it is called. `dtype` is auto, float32, bfloat16, float16 or
    stored; auto is what is fast on the backend.

    Raises:
        InvalidError: the folder holds what could run code or is no checkpoint, or the packages cannot load it.
    """
    if findings := vet_checkpoint(checkpoint):
        raise InvalidError.of(findings)
    activate_blas()
    config = read_json(checkpoint / "config.json")
    is_vision = isinstance(config, dict) and bool(config.get("vision_config"))
    module, _, name = (IMAGES if is_vision else TEXT).partition(":")
    engine: Engine = getattr(importlib.import_module(module), name)(checkpoint, family=family, dtype=dtype)
    return engine
