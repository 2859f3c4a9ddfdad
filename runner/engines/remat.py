"""Gradient checkpointing of some layer objects, and of nothing else.

The packages patch `type(layer).__call__` for the life of the process. Here a layer object gets a class of its own
while the context lasts. Its dropout masks come from keys, so the second pass draws those of the first and the
gradients are the same as without checkpointing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import mlx.core as mx
from mlx import nn


@contextmanager
def checkpointed(layers: Sequence[nn.Module]) -> Iterator[None]:
    """While this lasts, each layer keeps only its inputs for the backward pass and computes the rest again."""
    classes: list[Any] = [type(layer) for layer in layers]
    try:
        for layer, kind in zip(layers, classes, strict=True):
            layer.__class__ = _recomputing(kind)
        yield
    finally:
        for layer, kind in zip(layers, classes, strict=True):
            layer.__class__ = kind


def recomputed(module: nn.Module, function: Callable[[mx.array], mx.array]) -> Callable[[mx.array], mx.array]:
    """`function` of one array that uses `module`'s parameters, computed again for its backward pass."""

    def inner(parameters: Any, x: mx.array) -> mx.array:
        module.update(parameters)
        return function(x)

    return lambda x: mx.checkpoint(inner)(module.trainable_parameters(), x)


@cache
def _recomputing(kind: Any) -> Any:
    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        def inner(parameters: Any, *args: Any, **kwargs: Any) -> Any:
            self.update(parameters)
            return kind.__call__(self, *args, **kwargs)

        return mx.checkpoint(inner)(self.trainable_parameters(), *args, **kwargs)

    return type(f"Checkpointed{kind.__name__}", (kind,), {"__call__": call})
