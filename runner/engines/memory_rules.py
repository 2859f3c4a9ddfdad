"""What one primitive does to memory on mlx 0.32's CPU backend: views, takeovers, copies, dispatches. Pure.

On a GPU more is fused, so that the same rules give an upper bound there.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.engines import memory_layout as lay
from runner.engines.memory_graph import CHECKPOINT, Node, Value
from runner.engines.memory_layout import Layout

SAME = {"StopGradient", "Copy", "Depends", CHECKPOINT}
RESHAPES = {"Reshape", "Flatten", "Unflatten"}
UNARY = {
    *("Abs", "ArcCos", "ArcSin", "ArcTan", "AsType", "BitwiseInvert", "Ceil", "Cos", "Cosh", "Erf", "ErfInv", "Exp"),
    *("Expm1", "Floor", "Log", "Log1p", "LogicalNot", "Negative", "Round", "Rsqrt", "Sigmoid", "Sign", "Sin", "Sinh"),
    *("Sqrt", "Square", "Tan", "Tanh"),
}
BINARY = {
    *("Add", "BitwiseBinary", "Divide", "Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogAddExp"),
    *("LogicalAnd", "LogicalOr", "Maximum", "Minimum", "Multiply", "NotEqual", "Power", "Remainder", "Subtract"),
}
TERNARY = {"Select"}
OVERWRITING = {"Scatter", "ScatterAxis", "SliceUpdate", "DynamicSliceUpdate", "Sort"}  # work on a copy of the first
PRODUCTS = {"Matmul": 2, "AddMM": 2, "GatherMM": 2}
ROWS = {"QuantizedMatmul": 4, "GatherQMM": 4, "LogSumExp": 1}


@dataclass(frozen=True)
class Result:
    """A computed output: its layout, its buffer's bytes, and the inputs whose buffer it may take over, in order."""

    layout: Layout
    nbytes: int
    donors: tuple[int, ...] = ()


def views(node: Node, values: dict[str, Value], layouts: dict[str, Layout]) -> list[Layout] | None:
    """Layouts of outputs that are views of an input (`viewed`); None if they are computed."""
    if node.name in SAME:
        return [layouts[viewed(node, i)] for i in range(len(node.outputs))]
    if not node.inputs:
        return None
    old, shape = layouts[node.inputs[0]], values[node.inputs[0]].shape
    new = values[node.outputs[0]].shape
    if node.name == "Transpose":
        return [lay.transposed(old, new, node.arguments[0])]
    if node.name in ("Broadcast", "BroadcastAxes"):
        return [lay.broadcast(old, shape, new)]
    if node.name == "ExpandDims":
        return [lay.expanded(old, node.arguments[0])]
    if node.name == "Squeeze":
        return [lay.squeezed(old, node.arguments[0])]
    if node.name in RESHAPES:
        found = lay.reshaped(old, shape, new)
        return None if found is None else [found]
    if node.name == "Slice":
        return [lay.sliced(old, new, node.arguments[2])]
    if node.name == "Split":
        return [lay.split(old, values[name].shape) for name in node.outputs]
    if node.name in ("Contiguous", "View", "AsStrided"):
        return [lay.fresh(new)] if old.row else None
    return None


def viewed(node: Node, i: int) -> str:
    """The input that output number `i` of a view lies in."""
    if node.name == CHECKPOINT:
        return node.inputs[len(node.inputs) - len(node.outputs) + i]
    return node.inputs[i if node.name in SAME else 0]


def computed(node: Node, values: dict[str, Value], layouts: dict[str, Layout]) -> list[Result]:
    """The outputs of a primitive that computes."""
    name = node.name
    ins = [layouts[n] for n in node.inputs]
    out = values[node.outputs[0]]
    if name in UNARY and ins[0].dense:
        return [Result(ins[0], ins[0].size * out.itemsize, (0,))]
    if name in BINARY:
        return [_binary(ins[0], ins[1], out)]
    if name in TERNARY:
        return [_ternary(ins, out)]
    if name == "Softmax" and not lay.rows_apart(ins[0]):
        return [Result(ins[0], ins[0].size * out.itemsize, (0,))]
    if name in OVERWRITING or name == "AddMM":
        source = 2 if name == "AddMM" else 0
        whole = ins[source].row if name == "AddMM" else ins[source].dense and ins[source].size == _count(out)
        if whole:
            return [Result(ins[source], ins[source].size * out.itemsize, (source,))]
    return [Result(lay.fresh(values[n].shape), values[n].nbytes) for n in node.outputs]


def _binary(a: Layout, b: Layout, out: Value) -> Result:
    size = out.itemsize
    if a.size == 1 and b.size == 1:
        return Result(a, size)
    if a.size == 1 and b.dense:
        return Result(b, b.size * size, (1,))
    if b.size == 1 and a.dense:
        return Result(a, a.size * size, (0,))
    if (a.row and b.row) or (a.column and b.column):
        return Result(a, a.size * size, (0, 1))
    donors = tuple(i for i, x in enumerate((a, b)) if x.row and x.size == _count(out))
    return Result(lay.fresh(out.shape), out.nbytes, donors)


def _ternary(ins: list[Layout], out: Value) -> Result:
    if all(x.size == 1 for x in ins):
        return Result(ins[1], out.itemsize)
    if all(x.row for x in ins) or all(x.column for x in ins):
        return Result(ins[1], ins[1].size * out.itemsize, (0, 1, 2))
    return Result(lay.fresh(out.shape), out.nbytes, tuple(i for i, x in enumerate(ins) if x.row))


def _count(value: Value) -> int:
    return value.nbytes // value.itemsize


def copied(node: Node, values: dict[str, Value], layouts: dict[str, Layout]) -> list[int]:
    """Bytes of the operands that are first copied into another layout."""
    if node.name in PRODUCTS:
        names = node.inputs[: PRODUCTS[node.name]]
        return [values[n].nbytes for n in names if lay.product_copies(layouts[n], values[n].shape)]
    if node.name in ROWS:
        needs = lay.rows_apart if node.name == "LogSumExp" else lambda layout: not layout.row
        return [values[n].nbytes for n in node.inputs[: ROWS[node.name]] if needs(layouts[n])]
    return []


def dispatches(node: Node, *, view: bool, copies: int, taken: bool) -> int:
    """Pieces of work that the primitive hands to its stream, its end mark included."""
    if node.name == "Depends":  # the export leaves out a copy of each, which mlx's vjp makes
        return 1 + len(node.outputs)
    if view:
        return 1
    if node.name in OVERWRITING:
        return 2 if taken else 3
    if node.name == "AddMM":
        return 3 + copies
    if node.name == "Concatenate":
        return 1 + len(node.inputs)
    return 2 + copies
