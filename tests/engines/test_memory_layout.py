import numpy as np
import pytest

from runner.engines import memory_layout as lay


def numpy_strides(array):
    return tuple(s // array.itemsize for s in array.strides)


@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2, 1), (2, 1, 0), (1, 0, 2)])
def test_transposes_have_numpys_strides(axes):
    array = np.zeros((4, 5, 6), np.float32)
    made = lay.transposed(lay.fresh((4, 5, 6)), array.transpose(axes).shape, axes)
    assert made.strides == numpy_strides(array.transpose(axes))
    assert made.row == array.transpose(axes).flags.c_contiguous
    assert made.dense


def test_slices_are_views_with_holes():
    made = lay.sliced(lay.fresh((4, 6)), (4, 3), (1, 1))
    assert (made.strides, made.dense, made.row) == ((6, 1), False, False)
    first = lay.sliced(lay.fresh((4, 6)), (2, 6), (1, 1))
    assert (first.dense, first.row, first.size) == (True, True, 12)


def test_broadcasts_take_no_room():
    made = lay.broadcast(lay.fresh((1, 6)), (1, 6), (4, 6))
    assert (made.strides, made.size, made.row, made.dense) == ((0, 1), 6, False, True)


@pytest.mark.parametrize(
    ("shape", "axes", "new", "view"),
    [
        ((4, 6), (0, 1), (2, 12), True),
        ((4, 6), (1, 0), (24,), False),
        ((2, 3, 4), (0, 2, 1), (2, 2, 2, 3), True),
        ((2, 3, 4), (1, 0, 2), (6, 4), False),
    ],
)
def test_reshapes_copy_only_where_they_must(shape, axes, new, view):
    turned = tuple(shape[a] for a in axes)
    made = lay.reshaped(lay.transposed(lay.fresh(shape), turned, axes), turned, new)
    assert (made is not None) == view


def test_a_product_copies_what_is_neither_plain_nor_a_transpose():
    plain = lay.fresh((2, 4, 5))
    assert not lay.product_copies(plain, (2, 4, 5))
    assert not lay.product_copies(lay.transposed(plain, (2, 5, 4), (0, 2, 1)), (2, 5, 4))
    heads = lay.transposed(lay.fresh((2, 7, 3, 5)), (2, 3, 7, 5), (0, 2, 1, 3))
    assert lay.product_copies(heads, (2, 3, 7, 5))
