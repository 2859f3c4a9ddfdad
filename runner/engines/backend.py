"""MLX's device: which type computes fast on it, loading into that type, and the fixed cache limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten

from runner.errors import Diagnostic, InvalidError

CACHE_LIMIT_BYTES = 512 * 2**20
ANSWERING_CACHE_LIMIT_BYTES = 64 * 2**20
# On the CPU backend 4-bit, bf16 and fp16 products are 17 to 100 times slower than fp32 with a fast BLAS.
DEQUANTIZE_LIMIT_BYTES = 4 * 10**9
_TYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}


@dataclass(frozen=True)
class Prepared:
    """A model in its computing type, evaluated and frozen."""

    model: nn.Module
    note: str  # "float32, dequantized from 4 bits" …


def on_cpu() -> bool:
    """Whether MLX computes on the CPU here."""
    return mx.default_device().type == mx.DeviceType.cpu


@contextmanager
def keeping_little() -> Iterator[None]:
    """While answers are made on the CPU: their caches are of ever other sizes, so what is kept of them is not used."""
    if not on_cpu():
        yield
        return
    before = mx.set_cache_limit(ANSWERING_CACHE_LIMIT_BYTES)
    try:
        yield
    finally:
        mx.set_cache_limit(before)


def prepare(model: nn.Module, dtype: str, dequantize: Callable[[nn.Module], nn.Module]) -> Prepared:
    """Bring a lazily loaded base model into its computing type, evaluate it, freeze it, and switch dropout off.

    Raises:
        InvalidError: unknown dtype.
    """
    if dtype not in {"auto", "stored", *_TYPES}:
        help_text = "auto, stored, float32, bfloat16 or float16"
        raise InvalidError.of([Diagnostic("E526", f"unknown dtype `{dtype}`", help=help_text)])
    mx.set_cache_limit(CACHE_LIMIT_BYTES)
    note = "as stored"
    wanted = ("float32" if on_cpu() else "stored") if dtype == "auto" else dtype
    if wanted != "stored":
        note = wanted
        if on_cpu() and _is_quantized(model) and _float32_bytes(model) <= DEQUANTIZE_LIMIT_BYTES:
            model = dequantize(model)
            note += ", dequantized"
        model.set_dtype(_TYPES[wanted])
    model.freeze()
    model.eval()
    mx.eval(model.parameters())
    return Prepared(model, note)


def _is_quantized(model: nn.Module) -> bool:
    return any(hasattr(m, "bits") and hasattr(m, "group_size") for m in model.modules())


def _float32_bytes(model: nn.Module) -> int:
    packed = sum(m.weight.size * (32 // m.bits - 1) for m in model.modules() if hasattr(m, "bits") and "weight" in m)
    return 4 * (sum(v.size for _, v in tree_flatten(model.parameters())) + packed)
