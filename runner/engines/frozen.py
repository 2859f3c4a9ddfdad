"""The output of the lowest blocks, which no adapter touches: computed once a row, kept in memory or in the project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten

from runner.canonical import PREFIX, digest_bytes, digest_value
from runner.engines import vision
from runner.engines.digest import digest_arrays
from runner.engines.kept import KeptStore
from runner.engines.rows import Row
from runner.machine.environment import environment_class
from runner.plan.paths import KEPT_IN_MEMORY_BYTES, KEPT_ON_DISK_BYTES
from runner.store.clean import ENTERED

VERSION = 1  # of how the output is computed
_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")


def embedding_shape(layer: nn.Module) -> tuple[int, mx.Dtype]:
    """Width and type of what a decoder layer that can be walked takes."""
    weight = layer.input_layernorm.weight
    return int(weight.shape[0]), weight.dtype


class FrozenLayers:
    """What the first block above the lowest `layers` takes, by row; on disk where there is a folder."""

    def __init__(
        self,
        layers: int,
        folder: Path | None = None,
        *,
        memory_limit_bytes: int = KEPT_IN_MEMORY_BYTES,
        disk_limit_bytes: int = KEPT_ON_DISK_BYTES,
    ) -> None:
        self.layers = layers
        limits = {"memory_limit_bytes": memory_limit_bytes, "disk_limit_bytes": disk_limit_bytes}
        self.store: KeptStore[mx.array] = KeptStore(lambda a: {"entered": a}, lambda d: d["entered"], folder, **limits)


def row_digest(row: Row) -> str:
    """Of all that a frozen block's output depends on beside the model."""
    tokens = digest_bytes(np.asarray(row.tokens, np.int32).tobytes())
    return digest_value([tokens, list(row.prompt.images), [list(g) for g in row.prompt.grids]])


def folder_of(root: Path, model: nn.Module, layers: int, settings: Any) -> Path:
    """Where the output of the lowest `layers` of a model is kept: by the weights below, how images are cut
    (`settings`) and seen, and what computes."""
    flat = tree_flatten(model.parameters())
    below = {name: value for name, value in flat if not ((at := _LAYER.search(name)) and int(at[1]) >= layers)}
    parts = [digest_arrays(below), layers, settings, environment_class(), VERSION, vision.VERSION]
    return root / ENTERED / digest_value(parts).removeprefix(PREFIX)[:16]
