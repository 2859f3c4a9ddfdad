"""What a finished loop came to, as the steps are told it."""

from __future__ import annotations

import time
from typing import Any

import mlx.core as mx

from runner.engines.loop import Outcome
from runner.engines.protocol import TuneResult


def result_of(
    outcome: Outcome,
    digest: str,
    parameters: int,
    trained: dict[str, Any],
    per_epoch: int,
    taken: dict[str, str],
    began: float,
) -> TuneResult:
    """Everything about the tuning but its adapter folder; `began` is when it began, by the performance counter."""
    progress = outcome.progress
    return TuneResult(
        adapter_digest=digest,
        updates=progress.update,
        epochs=progress.update / per_epoch,
        trained_tokens=progress.trained_tokens,
        trainable_parameters=parameters,
        matched_modules=int(trained["modules"]),
        final_train_loss=progress.history[-1]["loss"],
        valid_losses=tuple(progress.valid_losses),
        valid_scores=tuple(progress.valid_scores),
        kept_update=progress.best_update if outcome.is_best else progress.update,
        history=tuple(progress.history),
        peak_memory_bytes=mx.get_peak_memory(),
        seconds=time.perf_counter() - began,
        resumed_from_update=outcome.resumed_from_update,
        paths_taken=taken,
        trained=trained,
    )
