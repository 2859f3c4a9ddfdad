"""The phases of a step as graphs: what the loop evaluates at one time, captured from the loop's own functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten

from runner.engines.dropout import begin_training
from runner.engines.engine import MlxEngine
from runner.engines.lora import Attached, trainable
from runner.engines.memory_graph import Graph, capture, traceable_checkpoints
from runner.engines.memory_simulation import Usage, simulate
from runner.engines.optimizer import make_optimizer
from runner.engines.protocol import TuneRequest
from runner.engines.remat import checkpointed
from runner.engines.rows import Row
from runner.engines.step import Arrays, Batch, Step, begin, restored, update

Flat = list[tuple[str, mx.array]]
PartsFunction = Callable[[Sequence[Flat], Sequence[mx.array]], list[mx.array]]


def parameter_bytes(engine: MlxEngine) -> int:
    """Of all arrays of the model, LoRA's included where it is attached."""
    return sum(value.nbytes for _, value in tree_flatten(engine.model.parameters()))


class Tuning:
    """A tuning about to be traced: LoRA attached, path chosen, optimizer ready. Used inside `nothing_evaluated`."""

    def __init__(self, engine: MlxEngine, request: TuneRequest, attached: Attached, rows: Sequence[Row]) -> None:
        self.engine, self.request = engine, request
        self.chosen = engine.choose_path(request, rows)
        self.step = Step(engine.model, self.chosen.path, attached.dropout)
        self.optimizer = make_optimizer(request.train_spec)
        begin(engine.model, self.optimizer)
        self.state: Flat = tree_flatten(self.optimizer.state)
        self.trained: Flat = list(trainable(engine.model).items())
        names = {name for name, _ in self.trained}
        self.frozen: Flat = [(n, v) for n, v in tree_flatten(engine.model.parameters()) if n not in names]

    @property
    def resident_bytes(self) -> int:
        """Model and optimizer."""
        return _bytes(self.trained) + _bytes(self.frozen) + _bytes(self.state)

    def micro(self, rows: tuple[Row, ...], *, gathers: bool) -> Usage:
        """One micro-batch: loss and gradients, added to those gathered before where `gathers`."""
        begin_training(self.engine.model)
        batch = self.step.path.batch(rows)
        inputs = sorted(batch.arrays.items())
        gathered: Flat = self.trained if gathers else []
        keys = self.step.dropout.draw(mx.random.key(0))

        def function(parts: Sequence[Flat], extra: Sequence[mx.array]) -> list[mx.array]:
            before = dict(parts[2]) if gathers else None
            result = self.step.micro(Batch(dict(parts[3]), batch.layout), extra[0], extra[1], before)
            return [result.loss, *result.gradients.values()]

        layers = self.engine.layers() if self.chosen.patch_layers else []
        with traceable_checkpoints(self.step.dropout), checkpointed(layers):
            graph = self._captured(function, [self.trained, self.frozen, gathered, inputs], [mx.array(1.0), keys])
        # the loop lets go of the batch and the scale before it evaluates; the keys it holds
        return simulate(graph, loose=graph.inputs[-len(inputs) - 2 : -1])

    def update(self) -> Usage:
        """Clipping and the optimizer's update. Old parameters and state may be overwritten where they lie."""

        def function(parts: Sequence[Flat], extra: Sequence[mx.array]) -> list[mx.array]:
            gradients: Arrays = dict(parts[2])
            self.optimizer.state = restored(self.optimizer.state, dict(parts[3]))
            norm = update(self.engine.model, self.optimizer, gradients, self.request.train_spec.clip_norm)
            after = [v for _, v in tree_flatten(self.engine.model.trainable_parameters())]
            after += [v for _, v in tree_flatten(self.optimizer.state)]
            self.optimizer.state = restored(self.optimizer.state, dict(self.state))
            return [norm, *after]

        graph = self._captured(function, [self.trained, [], self.trained, self.state], [])
        count = len(self.trained)
        return simulate(graph, loose={*graph.inputs[:count], *graph.inputs[2 * count :]})

    def validation(self, rows: tuple[Row, ...]) -> Usage:
        """The loss of one batch of valid rows."""
        self.engine.model.eval()
        batch = self.step.path.batch(rows)

        def function(parts: Sequence[Flat], extra: Sequence[mx.array]) -> list[mx.array]:
            return [self.step.loss(Batch(dict(parts[3]), batch.layout))]

        inputs = sorted(batch.arrays.items())
        with (
            traceable_checkpoints(self.step.dropout),
            checkpointed(self.engine.layers() if self.chosen.patch_layers else []),
        ):
            return simulate(self._captured(function, [self.trained, self.frozen, [], inputs], []))

    def _captured(self, function: PartsFunction, parts: Sequence[Flat], extra: Sequence[mx.array]) -> Graph:
        return captured(self.engine, function, parts, extra)


def captured(engine: MlxEngine, function: PartsFunction, parts: Sequence[Flat], extra: Sequence[mx.array]) -> Graph:
    """The graph of `function(parts, extra)`; the first two parts are parameters, which the model has meanwhile."""
    model = engine.model
    before = tree_flatten(model.parameters())

    def call(*arrays: mx.array) -> list[mx.array]:
        groups: list[Flat] = []
        start = 0
        for part in parts:
            groups.append(list(zip([n for n, _ in part], arrays[start : start + len(part)], strict=True)))
            start += len(part)
        model.update(tree_unflatten(groups[0] + groups[1]))
        try:
            return function(groups, arrays[start:])
        finally:
            model.update(tree_unflatten(before))

    return capture(call, [value for part in parts for _, value in part] + list(extra))


def _bytes(arrays: Flat) -> int:
    return sum(value.nbytes for _, value in arrays)
