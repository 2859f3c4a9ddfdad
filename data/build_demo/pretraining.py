"""The pretraining loop that both tiny base models share: AdamW, warm-up, cosine, a fixed number of steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import data.build_demo.blas  # noqa: F401  before mlx.core

# isort: split
import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten

Batch = tuple[mx.array, ...]
SEED = 0


@dataclass(frozen=True)
class Recipe:
    """How long and how fast a base model learns."""

    steps: int = 600
    batch_size: int = 64
    learning_rate: float = 2e-3
    warmup_steps: int = 50
    rows: int = 12_000


def learning_rate_at(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine down to 3 % of the peak."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    return recipe.learning_rate * warm * (0.97 * cosine + 0.03)


def batches(recipe: Recipe, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Row numbers of each step's batch; every row is seen once before any is seen again."""
    epochs = recipe.steps * recipe.batch_size // recipe.rows + 1
    order = np.concatenate([rng.permutation(recipe.rows) for _ in range(epochs)])
    for step in range(recipe.steps):
        yield order[step * recipe.batch_size : (step + 1) * recipe.batch_size]


def cross_entropy(logits: mx.array, ids: mx.array, weights: mx.array) -> mx.array:
    """Mean loss of the weighted tokens; `logits` predict `ids[:, 1:]`."""
    losses = nn.losses.cross_entropy(logits.astype(mx.float32), ids[:, 1:]) * weights[:, 1:]
    return losses.sum() / weights[:, 1:].sum()


def pretrain(
    model: nn.Module,
    loss: Callable[..., mx.array],
    batch_of: Callable[[np.ndarray], Batch],
    recipe: Recipe,
    *,
    stop_after: int | None = None,
) -> None:
    """Train every parameter of `model` in place. `stop_after` ends early, on the full recipe's own path."""
    model.train()
    model.unfreeze()
    optimizer = optim.AdamW(learning_rate=recipe.learning_rate, weight_decay=0.01, betas=[0.9, 0.98])
    step_of = nn.value_and_grad(model, loss)
    started, losses = time.process_time(), []
    for step, rows in enumerate(batches(recipe, np.random.default_rng(SEED))):
        if step == stop_after:
            break
        optimizer.learning_rate = learning_rate_at(recipe, step)
        value, gradients = step_of(model, *batch_of(rows))
        gradients, _ = optim.clip_grad_norm(gradients, 1.0)
        optimizer.update(model, gradients)
        mx.eval(model.parameters(), optimizer.state, value)
        losses.append(value.item())
        if (step + 1) % 100 == 0:
            seconds = time.process_time() - started
            print(f"step {step + 1} loss {np.mean(losses[-100:]):.4f} CPU seconds {seconds:.0f}", flush=True)


def save_weights(model: nn.Module, folder: Path) -> None:
    """model.safetensors, fp32."""
    weights = dict(tree_flatten(model.parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
