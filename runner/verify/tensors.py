"""How far apart the tensors of two safetensors files are, without MLX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runner.errors import InvalidError
from runner.models.safetensors import Tensor, read_header

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}


@dataclass(frozen=True)
class Distance:
    """The greatest difference of any element, and the same as a share of the largest element of its tensor."""

    absolute: float
    relative: float
    tensor: str  # where the greatest relative difference is


def distance(old: Path, new: Path) -> Distance:
    """The distance of two files with the same tensors.

    Raises:
        InvalidError: they hold other names, shapes or types, or a type that is not compared.
    """
    a, b = ({t.name: t for t in read_header(path)} for path in (old, new))
    if a.keys() != b.keys():
        odd = sorted(a.keys() ^ b.keys())
        raise InvalidError(f"they do not hold the same tensors: `{odd[0][:80]}` is in one of them only")
    greatest = Distance(0.0, 0.0, "")
    for name in sorted(a):
        one, two = a[name], b[name]
        if (one.dtype, one.shape) != (two.dtype, two.shape):
            raise InvalidError(
                f"`{name[:80]}` is {one.dtype}{list(one.shape)} in one, {two.dtype}{list(two.shape)} in two"
            )
        found = _of(name, _values(old, one), _values(new, two))
        if found.relative > greatest.relative:
            greatest = Distance(max(found.absolute, greatest.absolute), found.relative, name)
    return greatest


def _of(name: str, one: Any, two: Any) -> Distance:
    if one.size == 0:
        return Distance(0.0, 0.0, name)
    if not np.array_equal(np.isfinite(one), np.isfinite(two)):
        return Distance(float("inf"), float("inf"), name)
    apart = float(np.max(np.abs(np.nan_to_num(one - two)), initial=0.0))
    largest = float(np.max(np.abs(np.nan_to_num(one)), initial=0.0))
    return Distance(apart, apart / largest if largest else (0.0 if apart == 0 else float("inf")), name)


def _values(path: Path, tensor: Tensor) -> Any:
    """The tensor's elements as 64-bit floats."""
    with path.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        f.seek(8 + length + tensor.begin)
        data = f.read(tensor.end - tensor.begin)
    if tensor.dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if tensor.dtype not in _TYPES:
        raise InvalidError(f"`{tensor.name[:80]}` is of the type {tensor.dtype}, which is not compared")
    return np.frombuffer(data, _TYPES[tensor.dtype]).astype(np.float64)
