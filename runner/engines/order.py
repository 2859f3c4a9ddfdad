"""Which rows each update sees: every row once an epoch, the last partial batch included. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from runner.engines.randomness import generator
from runner.engines.rows import Row
from runner.spec.model import TrainSpec


@dataclass(frozen=True)
class Order:
    """The order of `count` rows over the epochs, by seed and stream. Nothing is remembered between updates."""

    count: int
    batch_size: int
    epochs: float
    max_updates: int | None
    seed: int
    stream: str

    @property
    def updates_per_epoch(self) -> int:
        """Optimizer updates that see every row once."""
        return math.ceil(self.count / self.batch_size)

    @property
    def updates(self) -> int:
        """Optimizer updates of the whole tuning."""
        whole = int(self.epochs)
        rest = math.ceil((self.epochs - whole) * self.count / self.batch_size - 1e-9)
        total = max(1, whole * self.updates_per_epoch + rest)
        return total if self.max_updates is None else min(total, self.max_updates)

    def indices(self, update: int) -> list[int]:
        """Row numbers of one update (0, 1, …)."""
        epoch, position = divmod(update, self.updates_per_epoch)
        shuffled = _permutation(self.count, self.seed, self.stream, epoch)
        return [int(i) for i in shuffled[position * self.batch_size : (position + 1) * self.batch_size]]


def order_of(rows: Sequence[Row], spec: TrainSpec, *, seed: int, stream: str) -> Order:
    """The order for these rows."""
    return Order(len(rows), spec.batch_size, spec.epochs, spec.max_updates, seed, stream)


def micro_batches(rows: Sequence[Row], size: int) -> list[tuple[Row, ...]]:
    """The rows of one update in groups of at most `size`, alike in length, so that little is padded.

    The order inside an update changes nothing but rounding: its gradient is a sum over its tokens.
    """
    ordered = sorted(rows, key=lambda r: (r.prompt.grids, len(r.tokens), r.id))
    return [tuple(ordered[i : i + size]) for i in range(0, len(ordered), size)]


@lru_cache(maxsize=4)
def _permutation(count: int, seed: int, stream: str, epoch: int) -> np.ndarray:
    return generator(seed, stream, "order", epoch).permutation(count)
