"""The slice of the spec that each kind of step reads, as plain data: what is not here cannot change its outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from runner.canonical import plain
from runner.plan.names import tune_id
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


# What a repeat reads besides, by the metric that asks for it. Not in the main answers' settings, so that evaluations
# that differ in their repeats share the main answers.
_REPEATING = {
    "consistency": ("consistency_samples", "consistency_runs", "consistency_temperature"),
    "determinism": ("determinism_samples",),
    "prompt_consistency": ("consistency_samples",),
}
_OF_REPEATS = {name for names in _REPEATING.values() for name in names}
REPEATING = tuple(_REPEATING)  # metrics that need answers to be made again


def prepare_params(spec: Spec, dataset: DatasetSpec) -> dict[str, Any]:
    """All of the data set but its name, place and origin, and the text columns that chains need of it."""
    kept = {k: v for k, v in plain(dataset).items() if k not in ("id", "path", "source")}
    return {**kept, "columns": sorted(_chain_columns(spec, dataset.id))}


def _chain_columns(spec: Spec, dataset: str) -> set[str]:
    """Columns that prompts of chain stages and paraphrases use, and columns with reference texts of stages."""
    asked = [e for e in spec.evaluations.values() if e.dataset == dataset]
    names = {name for e in asked for text in e.paraphrases for name in placeholders(text)}
    users = {e.subject for e in asked} | {t.chain for t in spec.tunes.values() if t.dataset == dataset and t.chain}
    for chain in spec.chains.values():
        if chain.id in users:
            used = {name for s in chain.stages for name in placeholders(s.prompt)}
            names = (names | used) - {s.id for s in chain.stages}
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
        "stream": tune_id(tune.id),
    }


def lengths_params(spec: Spec, tune: TuneSpec, *, prompt: str, images: bool) -> dict[str, Any]:
    """How a tuning's rows become tokens, and when a row or its answer is too long."""
    return {
        "prompt": prompt,
        "images": images,
        "max_seq_length": tune.train.max_seq_length,
        "truncate": tune.train.truncate,
        "max_tokens": _least_max_tokens(spec, tune),
    }


def _least_max_tokens(spec: Spec, tune: TuneSpec) -> int | None:
    """The fewest tokens that an evaluation gives the tuned model for an answer; None where none asks it."""
    name = tune.id.partition("@")[0]  # a variant of a sweep answers as the tune it stands for
    allowed = []
    for evaluation in spec.evaluations.values():
        chain = spec.chains.get(evaluation.subject)
        if evaluation.subject == name and not tune.chain:
            allowed.append(evaluation.generate.max_tokens)
        for stage in chain.stages if chain else ():
            if stage.adapter == name:
                allowed.append(stage.max_tokens or evaluation.generate.max_tokens)
    return min(allowed, default=None)


def generate_params(
    spec: Spec,
    stage: StageSpec,
    settings: GenerateSpec,
    *,
    upstream: Iterable[str],
    references: dict[str, str],
    images: bool,
    repeat: str,
    paraphrases: Iterable[str],
    stream: str,
) -> dict[str, Any]:
    """How a stage answers, or answers again for the metric `repeat`.

    The stream of random numbers is named only where something is drawn.
    """
    whole = plain(settings)
    values = {k: v for k, v in whole.items() if k not in _OF_REPEATS or k in _REPEATING.get(repeat, ())}
    if stage.max_tokens is not None:
        values["max_tokens"] = stage.max_tokens
    return {
        **_model(spec.models[stage.model]),
        "settings": values,
        "prompt": stage.prompt,
        "upstream": list(upstream),
        "references": references,
        "images": images,
        "repeat": repeat,
        "paraphrases": list(paraphrases) if repeat == "prompt_consistency" else [],
        "seed": spec.seed,
        "stream": stream if repeat or settings.temperature > 0 else "",
    }


def _model(model: ModelSpec) -> dict[str, Any]:
    return {"family": model.family, "dtype": model.dtype}
