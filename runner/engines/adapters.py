"""Adapter folders in the packages' official format: adapters.safetensors and adapter_config.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx

from runner.engines.digest import digest_arrays, read_tensors
from runner.errors import Diagnostic, InvalidError
from runner.files import fsync, read_json, write_json

WEIGHTS = "adapters.safetensors"
CONFIG = "adapter_config.json"


def write_adapter(folder: Path, tensors: dict[str, mx.array], config: dict[str, Any]) -> str:
    """Write an adapter durably and return the digest of its tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(folder / WEIGHTS), tensors, metadata={"format": "mlx"})
    with (folder / WEIGHTS).open("rb") as f:
        fsync(f.fileno())
    write_json(folder / CONFIG, config)
    return digest_arrays(tensors)


def read_config(folder: Path) -> dict[str, Any]:
    """The adapter's settings.

    Raises:
        InvalidError: not an adapter folder.
    """
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or not isinstance(config.get("lora_parameters"), dict):
        raise InvalidError(f"`{folder / CONFIG}` is not an adapter's configuration")
    return config


def check_same_form(start: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Whether an adapter can be the start of one with the settings `wanted`: its kind and scale must be the same.

    Raises:
        InvalidError: they differ, so the same tensors would be another adapter.
    """
    theirs = (start.get("fine_tune_type"), start["lora_parameters"].get("scale"))
    ours = (wanted["fine_tune_type"], wanted["lora_parameters"]["scale"])
    if theirs != ours:
        message = (
            f"`start_from` is a {theirs[0]} adapter of scale {theirs[1]}, this one is {ours[0]} of scale {ours[1]}"
        )
        help_text = "give both the same `lora.type`, `alpha` and `rank`"
        raise InvalidError.of([Diagnostic("E527", message, help=help_text)])


def read_weights(folder: Path) -> dict[str, mx.array]:
    """The adapter's tensors.

    Raises:
        IntegrityError: unreadable.
    """
    return read_tensors(folder / WEIGHTS)
