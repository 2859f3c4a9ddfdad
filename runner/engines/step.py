"""The one training step: loss and gradients of a micro-batch, and the optimizer's update of an effective batch.

The loop runs it, and the memory forecast traces it (`as_function`), so that what is forecast is what runs.

The loss of an update is the mean cross-entropy over its supervised tokens. A micro-batch contributes the sum over its
own tokens times `scale` = 1 / (tokens of the whole update), so contributions add up whatever the split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

import mlx.core as mx
import mlx.optimizers as optim
from mlx import nn
from mlx.utils import tree_flatten, tree_map_with_path, tree_unflatten

from runner.engines.dropout import DropoutKeys
from runner.engines.rows import Row

Arrays = dict[str, mx.array]
"""Arrays by flat name (`model.layers.0.self_attn.q_proj.lora_a`)."""

VECTOR = "trained"


@dataclass(frozen=True)
class Batch:
    """The rows of one micro-batch as arrays, and what about their shape is decided outside the graph."""

    arrays: dict[str, mx.array]
    layout: Any = None


class LossPath(Protocol):
    """One way to compute the loss of some rows. All ways agree; they differ in time and memory."""

    def batch(self, rows: tuple[Row, ...]) -> Batch:
        """The rows as arrays."""

    def loss_sum(self, model: nn.Module, batch: Batch) -> mx.array:
        """The sum of the cross-entropy (nats) over the batch's supervised tokens, a float32 scalar."""


@dataclass(frozen=True)
class MicroResult:
    """One micro-batch's share of the update's loss, and the gradients gathered so far."""

    loss: mx.array
    gradients: Arrays


class Step:
    """A model with LoRA layers, a loss path and the keys of its dropout."""

    def __init__(self, model: nn.Module, path: LossPath, dropout: DropoutKeys) -> None:
        self.model = model
        self.path = path
        self.dropout = dropout
        self._value_and_grad = nn.value_and_grad(model, self._objective)

    def _objective(self, batch: Batch, scale: mx.array) -> mx.array:
        return self.path.loss_sum(self.model, batch) * scale

    def micro(self, batch: Batch, scale: mx.array, keys: mx.array, gathered: Arrays | None) -> MicroResult:
        """Loss and gradients of one micro-batch, added to `gathered`. Lazy: nothing is evaluated here."""
        self.dropout.current = keys
        try:
            loss, gradients = self._value_and_grad(batch, scale)
        finally:
            self.dropout.current = None
        flat = dict(tree_flatten(gradients))
        if gathered is not None:
            flat = {name: gathered[name] + gradient for name, gradient in flat.items()}
        return MicroResult(loss, flat)

    def loss(self, batch: Batch) -> mx.array:
        """Summed loss without dropout or gradients, for validation."""
        return self.path.loss_sum(self.model, batch)


def begin(model: nn.Module, optimizer: optim.Optimizer) -> None:
    """Give the optimizer a fresh state for the model's trainable parameters, laid out as one vector.

    The packages' optimizers work element by element, so one long vector gives the same bits as many small tensors,
    with a few operations in place of hundreds.
    """
    optimizer.init({VECTOR: _vector([v for _, v in tree_flatten(model.trainable_parameters())])})


def update(model: nn.Module, optimizer: optim.Optimizer, gradients: Arrays, limit: float | None) -> mx.array:
    """Clip, then one optimizer update of the model's trainable parameters. Returns the norm before clipping. Lazy."""
    trained = tree_flatten(model.trainable_parameters())
    gradient, norm = clip(_vector([gradients[name] for name, _ in trained]), limit)
    after = optimizer.apply_gradients({VECTOR: gradient}, {VECTOR: _vector([v for _, v in trained])})[VECTOR]
    ends = list(accumulate(value.size for _, value in trained))
    parts = mx.split(after, ends[:-1])
    model.update(tree_unflatten([(n, p.reshape(v.shape)) for (n, v), p in zip(trained, parts, strict=True)]))
    return norm


def clip(gradient: mx.array, limit: float | None) -> tuple[mx.array, mx.array]:
    """The gradient scaled down to a norm of at most `limit` (Pascanu et al. 2013), and its norm before."""
    norm = mx.sqrt(mx.square(gradient.astype(mx.float32)).sum())
    if limit is None:
        return gradient, norm
    return gradient * mx.minimum(1.0, limit / mx.maximum(norm, 1e-12)).astype(gradient.dtype), norm


def restored(tree: Any, flat: Arrays) -> Any:
    """`tree` (an optimizer's state) with the arrays of `flat` in place of its own."""
    return tree_map_with_path(lambda path, _: flat[path], tree)


def _vector(arrays: list[mx.array]) -> mx.array:
    return mx.concatenate([a.reshape(-1) for a in arrays])


def as_function(
    step: Step, optimizer: optim.Optimizer, batch: Batch, *, limit: float | None
) -> tuple[Callable[..., list[mx.array]], list[mx.array]]:
    """A whole step (loss, gradients, clipping, update) as a function of arrays alone, with arguments to trace it by.

    For `mx.export_function(callback, function, *arguments)`. The arguments are the trainable parameters, the frozen
    ones, the optimizer's state, the batch, the scale and the dropout keys, flat, in that order; the results are the
    loss, the norm, the new parameters and the new optimizer state. The model is left as it was.
    """
    begin(step.model, optimizer)
    trained = tree_flatten(step.model.trainable_parameters())
    names = {name for name, _ in trained}
    frozen = [(name, value) for name, value in tree_flatten(step.model.parameters()) if name not in names]
    state = tree_flatten(optimizer.state)
    inputs = sorted(batch.arrays.items())
    parts = [trained, frozen, state, inputs]
    arguments = [value for part in parts for _, value in part]
    arguments += [mx.array(1.0), step.dropout.draw(mx.random.key(0))]

    def function(*arrays: mx.array) -> list[mx.array]:
        groups, start = [], 0
        for part in parts:
            groups.append([(name, a) for (name, _), a in zip(part, arrays[start : start + len(part)], strict=True)])
            start += len(part)
        step.model.update(tree_unflatten(groups[0] + groups[1]))
        optimizer.state = restored(optimizer.state, dict(groups[2]))
        result = step.micro(Batch(dict(groups[3]), batch.layout), arrays[-2], arrays[-1], None)
        norm = update(step.model, optimizer, result.gradients, limit)
        after = [v for _, v in tree_flatten(step.model.trainable_parameters()) + tree_flatten(optimizer.state)]
        step.model.update(tree_unflatten(trained + frozen))
        optimizer.state = restored(optimizer.state, dict(state))
        return [result.loss, norm, *after]

    return function, arguments
