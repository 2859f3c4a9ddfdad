"""The plain loss paths: the package's own model call on padded rows, logits everywhere. The yardstick of the others,
and the way for every architecture that has no faster one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from mlx import nn

from runner.engines.head import cross_entropy_sum, padded
from runner.engines.rows import Prompt, Row
from runner.engines.step import Batch


class PlainText:
    """One call of a text model on the whole micro-batch."""

    def batch(self, rows: tuple[Row, ...]) -> Batch:
        tokens, positions, targets = padded(rows)
        return Batch({"tokens": mx.array(tokens), "positions": mx.array(positions), "targets": mx.array(targets)})

    def loss_sum(self, model: nn.Module, batch: Batch) -> mx.array:
        logits = model(batch.arrays["tokens"])
        flat = logits.reshape(-1, logits.shape[-1])[batch.arrays["positions"]]
        return cross_entropy_sum(flat, batch.arrays["targets"])


class PlainImages:
    """One call of a vision-language model a row, so that no family's way of padding images matters."""

    def __init__(self, inputs: Callable[[Prompt], dict[str, Any]], call: Callable[..., mx.array]) -> None:
        self._inputs = inputs
        self._call = call

    def batch(self, rows: tuple[Row, ...]) -> Batch:
        arrays: dict[str, mx.array] = {}
        others: list[dict[str, Any]] = []
        for i, row in enumerate(rows):
            tokens, positions, targets = padded((row,))
            inputs = self._inputs(row.prompt)
            arrays |= {f"{i}.{name}": value for name, value in inputs.items() if isinstance(value, mx.array)}
            others.append({name: value for name, value in inputs.items() if not isinstance(value, mx.array)})
            arrays |= {f"{i}.tokens": mx.array(tokens), f"{i}.positions": mx.array(positions)}
            arrays[f"{i}.targets"] = mx.array(targets)
        return Batch(arrays, others)

    def loss_sum(self, model: nn.Module, batch: Batch) -> mx.array:
        total = mx.array(0.0)
        for i, others in enumerate(batch.layout):
            prefix = f"{i}."
            inputs = {n.removeprefix(prefix): v for n, v in batch.arrays.items() if n.startswith(prefix)}
            tokens, positions, targets = (inputs.pop(n) for n in ("tokens", "positions", "targets"))
            logits = self._call(model, tokens, **inputs, **others)
            total = total + cross_entropy_sum(logits[0][positions], targets)
        return total
