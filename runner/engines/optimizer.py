"""The package's own optimizers, made from the spec. Rates are set from outside, so no schedule hides in their state."""

from __future__ import annotations

import mlx.optimizers as optim

from runner.errors import Diagnostic, InvalidError
from runner.spec.model import TrainSpec


def make_optimizer(spec: TrainSpec) -> optim.Optimizer:
    """Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019) with the spec's bias correction.

    Raises:
        InvalidError: an unknown optimizer.
    """
    if spec.optimizer == "adam":
        return optim.Adam(learning_rate=spec.learning_rate, bias_correction=spec.bias_correction)
    if spec.optimizer == "adamw":
        return optim.AdamW(
            learning_rate=spec.learning_rate, weight_decay=spec.weight_decay, bias_correction=spec.bias_correction
        )
    raise InvalidError.of([Diagnostic("E525", f"unknown optimizer `{spec.optimizer}`", help="adam or adamw")])
