"""The slice of the spec that each kind of step reads, as plain data: what is not here cannot change its outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from runner.canonical import plain
from runner.plan.paths import FastPath, resolved
from runner.samples.render import placeholders
from runner.spec.model import DatasetSpec, GenerateSpec, ModelSpec, Spec, StageSpec, TrainSpec, TuneSpec


@dataclass(frozen=True)
class Choice:
    """What was chosen for a tuning where the spec says auto, and why."""

    micro_batch: int
    grad_checkpoint: bool
    reasons: tuple[str, ...] = ()
    forecast_bytes: int | None = None  # of MLX's peak, for rows at their bound


def prepare_params(spec: Spec, dataset: DatasetSpec) -> dict[str, Any]:
    """All of the data set but its name, place and origin, and the text columns that chains need of it."""
    kept = {k: v for k, v in plain(dataset).items() if k not in ("id", "path", "source")}
    return {**kept, "columns": sorted(_chain_columns(spec, dataset.id))}


def _chain_columns(spec: Spec, dataset: str) -> set[str]:
    """Columns that prompts of chain stages use, and columns with reference texts of stages."""
    users = {e.subject for e in spec.evaluations.values() if e.dataset == dataset}
    users |= {t.chain for t in spec.tunes.values() if t.dataset == dataset and t.chain}
    names: set[str] = set()
    for chain in spec.chains.values():
        if chain.id in users:
            used = {name for s in chain.stages for name in placeholders(s.prompt)}
            names |= used - {s.id for s in chain.stages}
            names |= {s.reference for s in chain.stages if s.reference}
    return names


def chosen(train: TrainSpec, choice: Choice | None) -> TrainSpec:
    """The settings with micro-batch and checkpointing as chosen where the spec says auto."""
    micro_batch, checkpoint = train.micro_batch, train.grad_checkpoint
    if micro_batch is None:
        micro_batch = choice.micro_batch if choice else train.batch_size
    if checkpoint is None:
        checkpoint = choice.grad_checkpoint if choice else False
    return replace(train, micro_batch=micro_batch, grad_checkpoint=checkpoint)


def tune_params(
    spec: Spec, tune: TuneSpec, *, prompt: str, images: bool, train: TrainSpec, paths: tuple[FastPath, ...]
) -> dict[str, Any]:
    """LoRA and training settings. `train` has micro-batch and checkpointing as chosen, `paths` the fast paths."""
    return {
        **_model(spec.models[tune.model]),
        "lora": plain(tune.lora),
        "train": plain(resolved(train, paths)),
        "prompt": prompt,
        "images": images,
        "seed": spec.seed,
        "stream": f"tune/{tune.id}",
    }


def lengths_params(tune: TuneSpec, *, prompt: str, images: bool) -> dict[str, Any]:
    """How a tuning's rows become tokens, and when one is too long."""
    return {
        "prompt": prompt,
        "images": images,
        "max_seq_length": tune.train.max_seq_length,
        "truncate": tune.train.truncate,
    }


def generate_params(
    spec: Spec,
    stage: StageSpec,
    settings: GenerateSpec,
    *,
    upstream: Iterable[str],
    references: dict[str, str],
    images: bool,
    repeats: Iterable[str],
    stream: str,
) -> dict[str, Any]:
    """How a stage answers. The stream of random numbers is named only where sampling uses it."""
    wanted = set(repeats)
    values = plain(settings)
    if stage.max_tokens is not None:
        values["max_tokens"] = stage.max_tokens
    return {
        **_model(spec.models[stage.model]),
        "settings": values,
        "prompt": stage.prompt,
        "upstream": list(upstream),
        "references": references,
        "images": images,
        "consistency": "consistency" in wanted,
        "determinism": "determinism" in wanted,
        "seed": spec.seed,
        "stream": stream if wanted or settings.temperature > 0 else "",
    }


def _model(model: ModelSpec) -> dict[str, Any]:
    return {"family": model.family, "dtype": model.dtype}
