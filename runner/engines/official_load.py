"""What the packages' own loaders make of a checkpoint and an adapter, beside what the trainer said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten, tree_unflatten

from runner.engines.digest import digest_arrays, read_tensors
from runner.engines.liveness import POSITIONS, apart
from runner.engines.lora import ADAPTER_LEAVES


@dataclass(frozen=True)
class Opened:
    """A model with its adapter, and the package's own call: (model, tokens, other inputs) → logits."""

    model: nn.Module
    call: Callable[[nn.Module, mx.array, dict[str, Any]], mx.array]


class Package(Protocol):
    """mlx_lm_api or mlx_vlm_api."""

    def open_officially(self, folder: Path, adapter: Path) -> nn.Module: ...
    def package_logits(self, model: nn.Module, tokens: mx.array, inputs: dict[str, Any]) -> mx.array: ...


def open_as_anyone_would(package: Package, checkpoint: Path, adapter: Path) -> Opened:
    """`mlx_vlm.load` or `mlx_lm.load` with `adapter_path`."""
    return Opened(package.open_officially(checkpoint, adapter), package.package_logits)


def compare(opened: Opened, logits: Path) -> dict[str, Any]:
    """The adapter's tensors as they were loaded, and how far its logits are from the trainer's and from the base's."""
    model = opened.model
    tensors = {n: v for n, v in tree_flatten(model.parameters()) if n.rpartition(".")[2] in ADAPTER_LEAVES}
    modules = sorted({n.rpartition(".")[0] for n in tensors if n.endswith(".lora_a")})
    arrays = read_tensors(logits)
    count = sum(name.endswith(".tokens") for name in arrays)
    adapted = [_logits(opened, arrays, i) for i in range(count)]
    _take_off(model, modules)
    base = [_logits(opened, arrays, i) for i in range(count)]
    return {
        "dtype": str(adapted[0].dtype).removeprefix("mlx.core."),
        "adapter_digest": digest_arrays(tensors),
        "modules": len(modules),
        "difference": apart(adapted, [arrays[f"{i}.adapted"] for i in range(count)]),
        "base_difference": apart(base, [arrays[f"{i}.base"] for i in range(count)]),
        "effect": apart(adapted, base),
    }


def _logits(opened: Opened, arrays: dict[str, mx.array], row: int) -> mx.array:
    start = f"{row}.input."
    inputs = {n.removeprefix(start): v for n, v in arrays.items() if n.startswith(start)}
    made = opened.call(opened.model, arrays[f"{row}.tokens"], inputs)[0, -POSITIONS:]
    mx.eval(made)
    return made


def _take_off(model: nn.Module, names: list[str]) -> None:
    """Put the wrapped modules back: both packages' LoRA layers keep them as `linear` or `embedding`."""
    wrapped = dict(model.named_modules())
    inner = [(n, getattr(wrapped[n], "embedding", None) or wrapped[n].linear) for n in names]
    model.update_modules(tree_unflatten(inner))
