"""The graph of a lazily built computation as plain data: what would be computed, from what, and how large it is.

`capture` runs a function on arrays without evaluating anything and hands over every primitive. mlx 0.32 can't export
the node that `mx.checkpoint` leaves behind, so while `traceable_checkpoints` lasts, checkpointing is written with
plain operations that differentiate the same way, and `capture` turns them back into that node.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_map, tree_map_with_path

from runner.engines import attention
from runner.engines.dropout import DropoutKeys

Shape = tuple[int, ...]
CHECKPOINT = "CustomTransforms"  # mlx's name for the node that mx.checkpoint leaves
_SIZES = {
    **dict.fromkeys(("bool", "bool_", "int8", "uint8"), 1),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
}


@dataclass(frozen=True)
class Value:
    """An array of the graph."""

    shape: Shape
    itemsize: int  # bytes

    @property
    def nbytes(self) -> int:
        """Bytes, were it contiguous."""
        return math.prod(self.shape) * self.itemsize


@dataclass(frozen=True)
class Node:
    """One primitive: its name, what it reads and makes, and its settings as mlx reports them."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Graph:
    """Nodes in no promised order; `inputs` and `constants` exist before."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    outputs: tuple[str, ...]
    values: dict[str, Value]


@contextmanager
def nothing_evaluated() -> Iterator[None]:
    """While this lasts, `mx.eval` does nothing: models are built, and no weight is ever made.

    Attention masks are the exception: the loop keeps them from step to step, so here too they are arrays that exist.
    """
    real_eval, real_mask = mx.eval, attention._mask

    def mask(*arguments: Any) -> mx.array:
        mx.eval = real_eval
        try:
            return real_mask(*arguments)
        finally:
            mx.eval = _nothing

    mx.eval = _nothing
    setattr(attention, "_mask", mask)  # noqa: B010 -- a plain assignment is a type error
    try:
        yield
    finally:
        mx.eval = real_eval
        setattr(attention, "_mask", real_mask)  # noqa: B010


def _nothing(*_: Any) -> None:
    pass


@contextmanager
def traceable_checkpoints(dropout: DropoutKeys) -> Iterator[None]:
    """While this lasts, `mx.checkpoint` builds a graph that can be captured.

    As mx.checkpoint: gradients go through a second computation that starts when the first has ended. The result is
    `first + (second − second)`, the subtrahend hidden from differentiation, which leaves no node; `capture` removes
    the sum, so that the second computation stays only as far as gradients need it. Dropout keys are made to look new
    the second time: mlx's export would otherwise merge the two draws of a mask, and evaluation does not.
    """

    def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            first = tree_map(_undifferentiated, function(*arguments, **named))
            ended = [value for _, value in tree_flatten(first) if isinstance(value, mx.array)]
            given = [(n, v) for n, v in tree_flatten([arguments, named]) if isinstance(v, mx.array)]
            late = dict(zip([n for n, _ in given], mx.depends([v for _, v in given], ended), strict=True))
            keys = dropout.current
            if keys is not None:
                (dropout.current,) = mx.depends([keys], ended)
            arguments, named = tree_map_with_path(late.get, [arguments, named])
            second = function(*arguments, **named)
            dropout.current = keys
            return tree_map(_first_with_gradients_of_second, first, second)

        return call

    real = mx.checkpoint
    mx.checkpoint = checkpoint
    try:
        yield
    finally:
        mx.checkpoint = real


def _undifferentiated(value: Any) -> Any:
    return mx.stop_gradient(value) if isinstance(value, mx.array) else value


def _first_with_gradients_of_second(first: Any, second: Any) -> Any:
    if not isinstance(first, mx.array):
        return first
    return mx.add(first, mx.subtract(second, mx.stop_gradient(second)))


def capture(function: Callable[..., Sequence[mx.array]], arguments: Sequence[mx.array]) -> Graph:
    """The graph of `function(*arguments)`. `function` must return arrays in a list."""
    nodes: list[Node] = []
    parts: dict[str, Any] = {}
    values: dict[str, Value] = {}

    def note(arrays: Sequence[Any]) -> tuple[str, ...]:
        for name, shape, dtype in arrays:
            if name not in values:
                values[name] = Value(tuple(shape), _itemsize(dtype))
        return tuple([array[0] for array in arrays])

    def receive(event: dict[str, Any]) -> None:
        if event["type"] == "primitive":
            made = note(event["outputs"])
            nodes.append(Node(event["name"], note(event["inputs"]), made, tuple(event.get("arguments", ()))))
        else:
            parts[event["type"]] = event

    mx.export_function(receive, function, *arguments)
    inputs = note(parts["inputs"]["inputs"])
    outputs = note(parts["outputs"]["outputs"])
    constants = tuple(name for name, _ in parts["constants"]["constants"])
    for name, array in parts["constants"]["constants"]:
        values.setdefault(name, Value(tuple(array.shape), array.itemsize))
    kept = _without_marks(nodes, frozenset(inputs))
    whole = Graph(tuple(_with_checkpoints(kept)), inputs, constants, outputs, values)
    return _apart(_needed(whole))


@cache
def _itemsize(dtype: mx.Dtype) -> int:
    return _SIZES[str(dtype).rsplit(".", 1)[-1]]


def _without_marks(nodes: Sequence[Node], inputs: frozenset[str]) -> list[Node]:
    """The nodes without those that wait for an input of the graph: marks that kept equal nodes apart."""
    stands_for: dict[str, str] = {}
    kept = []
    for node in nodes:  # a node comes after what it reads
        reads = tuple(stands_for.get(name, name) for name in node.inputs)
        if node.name == "Depends" and len(reads) == 2 and reads[1] in inputs:
            stands_for[node.outputs[0]] = reads[0]
        else:
            kept.append(Node(node.name, reads, node.outputs, node.arguments))
    return kept


def _with_checkpoints(nodes: Sequence[Node]) -> Iterator[Node]:
    """The sums that `_traceable` left, as the checkpoint's own node again: it reads the arguments and the result."""
    made_by = {name: node for node in nodes for name in node.outputs}
    waiting = sorted((n for n in nodes if n.name == "Depends"), key=lambda n: len(n.inputs))  # arguments after keys
    starts = {node.inputs[-1]: node.inputs[:-1] for node in waiting}
    ends: dict[str, str] = {}  # a first computation's result → the checkpoint's
    for node in nodes:
        zero = made_by.get(node.inputs[1]) if node.name == "Add" else None
        if zero is not None and zero.name == "Subtract" and zero.inputs[0] == zero.inputs[1]:
            ends[node.inputs[0]] = node.outputs[0]
    for node in nodes:
        if node.name == "Add" and ends.get(node.inputs[0]) == node.outputs[0]:
            yield Node(CHECKPOINT, (*starts[node.inputs[0]], node.inputs[0]), node.outputs, ())
        elif node.name == "Depends" and node.inputs[-1] in ends:
            yield Node(node.name, (*node.inputs[:-1], ends[node.inputs[-1]]), node.outputs, ())
        else:
            yield node


def _needed(graph: Graph) -> Graph:
    """The graph without what no output depends on."""
    made_by = {name: i for i, node in enumerate(graph.nodes) for name in node.outputs}
    found: set[int] = set()
    ahead = [name for name in graph.outputs if name in made_by]
    while ahead:
        i = made_by[ahead.pop()]
        if i not in found:
            found.add(i)
            ahead += [name for name in graph.nodes[i].inputs if name in made_by]
    nodes = tuple(node for i, node in enumerate(graph.nodes) if i in found)
    return Graph(nodes, graph.inputs, graph.constants, graph.outputs, graph.values)


def _apart(graph: Graph) -> Graph:
    """The graph with fillings of their own for every use (zeros, broadcast scalars), which the export had merged."""
    values = dict(graph.values)
    fillings: dict[str, Node] = {}
    for node in graph.nodes:
        plain = all(n in fillings or math.prod(values[n].shape) == 1 for n in node.inputs)
        if plain and node.name in ("Broadcast", "Full") and node.outputs[0] not in graph.outputs:
            fillings[node.outputs[0]] = node
    nodes: list[Node] = []

    def own(name: str) -> str:
        """The name of a fresh copy of a filling; any other name as it is."""
        if name not in fillings:
            return name
        filling = fillings[name]
        inputs = tuple(own(n) for n in filling.inputs)
        copy = f"{name}/{len(nodes)}"
        nodes.append(Node(filling.name, inputs, (copy,), filling.arguments))
        values[copy] = values[name]
        return copy

    for node in graph.nodes:
        if node.outputs[0] not in fillings:
            inputs = tuple(own(name) for name in node.inputs)
            nodes.append(Node(node.name, inputs, node.outputs, node.arguments))
    return Graph(tuple(nodes), graph.inputs, graph.constants, graph.outputs, values)
