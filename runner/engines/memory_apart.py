"""Keeps apart what mlx's export would merge: the same promotion of one input by several adapters.

An adapter's float32 factor promotes a bfloat16 input, and every adapted module makes a copy of its own; the export
takes equal nodes with equal inputs for one. So each module's input passes through a node of its own, which `capture`
removes.
"""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx
from mlx import nn

from runner.engines.lora import Attached


class Apart(nn.Module):
    """A module's dropout, what it gives made to look like no other's."""

    def __init__(self, inner: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self._mark: Callable[[], mx.array] = lambda: mx.stop_gradient(layer.lora_a)

    def __call__(self, x: mx.array) -> mx.array:
        (marked,) = mx.depends([self.inner(x)], [self._mark()])
        return marked


def keep_apart(model: nn.Module, attached: Attached) -> None:
    """Mark the inputs of all adapted modules, until they are detached."""
    modules = dict(model.named_modules())
    for layer in (modules[name] for name in attached.names):
        if "dropout" in layer.children():
            layer.dropout = Apart(layer.dropout, layer)
