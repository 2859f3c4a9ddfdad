"""Digests of tensors by content: names, types, shapes and bytes. Equal tensors may lie in files with other bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import mlx.core as mx
import numpy as np

from runner.canonical import PREFIX
from runner.errors import IntegrityError


def digest_arrays(arrays: Mapping[str, mx.array]) -> str:
    """`sha256:<hex>` over the arrays in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        total.update(f"{name}|{str(array.dtype).removeprefix('mlx.core.')}|{tuple(array.shape)}\n".encode())
        total.update(_bytes_of(array).data)
    return PREFIX + total.hexdigest()


def read_tensors(path: Path) -> dict[str, mx.array]:
    """The tensors of a safetensors file.

    Raises:
        IntegrityError: missing, cut off, or not safetensors.
    """
    try:
        arrays: dict[str, mx.array] = mx.load(str(path), format="safetensors")
        mx.eval(arrays)
    except (RuntimeError, ValueError, OSError) as error:
        raise IntegrityError(f"`{path}` cannot be read as safetensors: {error}") from error
    return arrays


def _bytes_of(array: mx.array) -> np.ndarray:
    flat = mx.contiguous(array.reshape(-1))
    if flat.dtype == mx.bfloat16:
        flat = flat.view(mx.uint16)
    return np.ascontiguousarray(np.array(flat)).view(np.uint8)
