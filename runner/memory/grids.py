"""How many patches an image becomes: the resizing of Qwen2-VL and its successors, for forecasts before any is read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

Grid = tuple[int, int, int]


def grid_of(width: int, height: int, preprocessor: Mapping[str, Any]) -> Grid:
    """(frames, rows, columns) of patches of an image of so many pixels.

    Both sides become multiples of patch × merge; the area stays between the preprocessor's bounds, in pixels
    (`smart_resize` of Wang et al. 2024, as published with Qwen2-VL).
    """
    patch = int(preprocessor.get("patch_size", 16))
    factor = patch * int(preprocessor.get("merge_size", 2))
    size = preprocessor.get("size")
    bounds: Mapping[str, Any] = size if isinstance(size, dict) else {}
    least = int(bounds.get("shortest_edge", preprocessor.get("min_pixels", 65536)))
    most = int(bounds.get("longest_edge", preprocessor.get("max_pixels", 16777216)))
    high = max(factor, round(height / factor) * factor)
    wide = max(factor, round(width / factor) * factor)
    if high * wide > most:
        shrink = math.sqrt(height * width / most)
        high = max(factor, math.floor(height / shrink / factor) * factor)
        wide = max(factor, math.floor(width / shrink / factor) * factor)
    elif high * wide < least:
        grow = math.sqrt(least / (height * width))
        high = math.ceil(height * grow / factor) * factor
        wide = math.ceil(width * grow / factor) * factor
    return 1, high // patch, wide // patch


def largest_grid(sizes: Iterable[tuple[int, int]], preprocessor: Mapping[str, Any]) -> Grid | None:
    """The grid with the most patches among images of (width, height) pixels; None where there is no image."""
    grids = [grid_of(width, height, preprocessor) for width, height in sizes]
    return max(grids, key=lambda g: g[1] * g[2], default=None)
