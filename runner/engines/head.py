"""The end of a model: from label positions to the summed cross-entropy."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from runner.engines.exponential import log_sum_exp
from runner.engines.rows import Row


def cross_entropy_sum(logits: mx.array, targets: mx.array) -> mx.array:
    """Sum over positions of -log softmax(logits)[target], in float32. logits [labels, vocabulary], targets [labels]."""
    logits = logits.astype(mx.float32)
    right = mx.take_along_axis(logits, targets[:, None], axis=-1)[:, 0]
    return (log_sum_exp(logits) - right).sum()


def padded(rows: tuple[Row, ...], *, pad: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens that are read [rows, longest], flat positions of the labels, and their targets; padded on the right.

    A causal model's real positions never see what is on their right, so the padding changes nothing.
    """
    width = max(row.length for row in rows)
    tokens = np.full((len(rows), width), pad, dtype=np.int32)
    positions: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    for i, row in enumerate(rows):
        tokens[i, : row.length] = row.tokens[:-1]
        positions.append(np.arange(row.first_label - 1, row.length, dtype=np.int32) + i * width)
        targets.append(np.asarray(row.tokens[row.first_label :], dtype=np.int32))
    return tokens, np.concatenate(positions), np.concatenate(targets)
