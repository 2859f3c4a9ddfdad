"""Learning rates by optimizer update: constant, linear or cosine, after a linear warm-up. Pure."""

from __future__ import annotations

import math

from runner.spec.model import TrainSpec


def learning_rate(spec: TrainSpec, update: int, total: int) -> float:
    """The rate of update `update` (0, 1, …, total - 1).

    Warm-up rises linearly over `warmup_updates` updates and reaches the full rate at the first update after it.
    linear and cosine (Loshchilov & Hutter 2017, without restarts) then fall so that the rate would be 0 at update
    `total`, the first one that is not made.
    """
    warmup = min(spec.warmup_updates, total)
    if update < warmup:
        return spec.learning_rate * (update + 1) / (warmup + 1)
    progress = (update - warmup) / max(1, total - warmup)
    if spec.lr_schedule == "linear":
        return spec.learning_rate * (1.0 - progress)
    if spec.lr_schedule == "cosine":
        return spec.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
    return spec.learning_rate
