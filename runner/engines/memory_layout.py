"""How arrays lie in their buffers, as mlx 0.32's CPU backend has it (mlx/backend/common). Pure.

Which results are views, which operands are copied first and which buffers can be taken over all follows from this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Strides in elements, and mlx's flags. `size` is how many elements of the buffer the array spans."""

    strides: tuple[int, ...]
    size: int
    dense: bool  # mlx: contiguous, that is without holes
    row: bool
    column: bool


def fresh(shape: Shape) -> Layout:
    """A new array."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return Layout(tuple(reversed(strides)), step, True, True, step <= 1 or step == max(shape, default=1))


def _contiguity(shape: Shape, strides: Sequence[int]) -> tuple[int, bool, bool]:
    """(elements without broadcast axes, row-contiguous, column-contiguous)."""
    count, forward, backward, row, column = 1, 1, 1, True, True
    for i in range(len(shape)):
        j = len(shape) - 1 - i
        row &= strides[j] == backward or shape[j] == 1
        column &= strides[i] == forward or shape[i] == 1
        forward *= shape[i]
        backward *= shape[j]
        if strides[i]:
            count *= shape[i]
    return count, row, column


def transposed(old: Layout, shape: Shape, axes: Sequence[int]) -> Layout:
    """`shape` is the result's."""
    strides = tuple(old.strides[axis] for axis in axes)
    if not old.dense or old.size != math.prod(shape):
        return Layout(strides, old.size, old.dense, old.row, old.column)
    _, row, column = _contiguity(shape, strides)
    return Layout(strides, old.size, True, row, column)


def broadcast(old: Layout, old_shape: Shape, shape: Shape) -> Layout:
    """Repeated axes have a stride of 0."""
    lead = len(shape) - len(old_shape)
    strides = [0] * lead + [0 if n == 1 else s for n, s in zip(old_shape, old.strides, strict=True)]
    larger = math.prod(shape) > math.prod(old_shape)
    return Layout(tuple(strides), old.size, old.dense, old.row and not larger, old.column and not larger)


def expanded(old: Layout, axes: Sequence[int]) -> Layout:
    """Axes of one put in."""
    strides = list(old.strides)
    for axis in axes:
        strides.insert(axis, 1)
    return Layout(tuple(strides), old.size, old.dense, old.row, old.column)


def squeezed(old: Layout, axes: Sequence[int]) -> Layout:
    """Axes of one taken out."""
    strides = tuple(s for i, s in enumerate(old.strides) if i not in axes)
    return Layout(strides, old.size, old.dense, old.row, old.column)


def reshaped(old: Layout, old_shape: Shape, shape: Shape) -> Layout | None:
    """The view, or None where a copy is needed."""
    if old.row or not old_shape:
        made = fresh(shape)
        return made if old.row else Layout((0,) * len(shape), old.size, old.dense, old.row, old.column)
    runs: list[list[int]] = []  # [length, stride] of axes that go on in each other
    for length, stride in zip(old_shape, old.strides, strict=True):
        if length == 1:
            continue
        if runs and runs[-1][1] == stride * length:
            runs[-1] = [runs[-1][0] * length, stride]
        else:
            runs.append([length, stride])
    strides: list[int] = []
    j = 0
    for length in shape:
        if j < len(runs) and runs[j][0] % length == 0:
            runs[j][0] //= length
            strides.append(runs[j][0] * runs[j][1])
            j += runs[j][0] == 1
        elif length == 1:
            strides.append(strides[-1])
        else:
            return None
    return Layout(tuple(strides), old.size, old.dense, old.row, old.column)


def sliced(old: Layout, shape: Shape, steps: Sequence[int]) -> Layout:
    """`shape` is the result's."""
    strides = tuple(s * step for s, step in zip(old.strides, steps, strict=True))
    count, row, column = _contiguity(shape, strides)
    spans = 1 + sum((n - 1) * abs(s) for n, s in zip(shape, strides, strict=True))
    return Layout(strides, spans, count == spans, row, column)


def split(old: Layout, shape: Shape) -> Layout:
    """One part of a split; `shape` is the part's."""
    count, row, column = _contiguity(shape, old.strides)
    dense = count == 1 or (old.dense if count == old.size else old.dense and (row or column))
    return Layout(old.strides, count, dense, row, column)


def product_copies(layout: Layout, shape: Shape) -> bool:
    """Whether an operand of a product is copied: its last two axes are neither plain nor a plain transpose."""
    rows, columns = layout.strides[-2:]
    return not ((rows == shape[-1] and columns == 1) or (rows == 1 and columns == shape[-2]))


def rows_apart(layout: Layout) -> bool:
    """Whether mlx copies an array before it works along its last axis."""
    return not (layout.dense and (not layout.strides or layout.strides[-1] == 1))
