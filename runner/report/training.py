"""What the steps of a run did, for showing: training curves, memory against the line, actions and reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.plan.names import name_of
from runner.record.model import StepRecord
from runner.record.observations import Points
from runner.report.reading import figure, flat, items, mapping, points, text


@dataclass(frozen=True)
class Curve:
    """The training of one adapter, by optimizer update."""

    step: str
    loss: tuple[tuple[float, float], ...]
    valid: tuple[tuple[float, float], ...]
    learning_rate: tuple[tuple[float, float], ...]
    final_loss: float | None
    updates: float | None
    epochs: float | None
    tokens: float | None  # supervised tokens
    tokens_per_second: float | None
    seconds: float
    parameters: float | None  # trainable
    modules: float | None
    scale: float | None  # what the low-rank product is multiplied by
    settings: tuple[tuple[str, str], ...]  # what the spec says of this tuning
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class StepMemory:
    """Memory of one step's process tree, in bytes."""

    step: str
    forecast: float | None
    peak: float | None
    mlx_peak: float | None
    limit: float | None
    samples: float | None
    gaps: float | None
    timeline: tuple[tuple[float, float], ...]  # seconds since the step began, bytes
    seconds: float

    @property
    def held_a_model(self) -> bool:
        """Whether this step loaded weights, as far as the record tells."""
        return self.mlx_peak is not None or self.forecast is not None


@dataclass(frozen=True)
class Memory:
    """All steps' memory; `peak` is the greatest that was seen, `limit` the cut line."""

    steps: tuple[StepMemory, ...]
    peak: float | None
    limit: float | None

    @property
    def models(self) -> tuple[StepMemory, ...]:
        """The steps that held a model; all where the record does not tell."""
        return tuple(s for s in self.steps if s.held_a_model) or self.steps

    @property
    def foremost(self) -> tuple[StepMemory, ...]:
        """The steps that were forecast, and the one with the greatest peak; all where none was forecast."""
        top = max((s.peak for s in self.steps if s.peak is not None), default=None)
        first = next((s for s in self.models if s.peak is not None and s.peak == top), None)
        found = tuple(s for s in self.models if s.forecast is not None or s is first)
        return found if any(s.forecast is not None for s in found) else self.models

    @property
    def others(self) -> tuple[StepMemory, ...]:
        """The remaining steps, those that held a model first."""
        shown = self.foremost
        rest = [s for s in self.steps if s not in shown]
        return tuple(sorted(rest, key=lambda s: not s.held_a_model))

    @property
    def scale(self) -> float:
        """The greatest of the line and all peaks and forecasts: the full width of a bar."""
        return max([self.limit or 0.0, *(v or 0.0 for s in self.steps for v in (s.peak, s.forecast))]) or 1.0


def curve(step: StepRecord, settings: tuple[tuple[str, str], ...] = ()) -> Curve:
    """The training curve of a tune step."""
    measures = step.measures
    history = [mapping(row) for row in items(measures.get("history"))]

    def series(name: str) -> tuple[tuple[float, float], ...]:
        pairs = [(figure(row.get("update")), figure(row.get(name))) for row in history]
        return tuple((x, y) for x, y in pairs if x is not None and y is not None)

    seconds = figure(measures.get("seconds")) or step.seconds
    tokens = figure(measures.get("trained_tokens"))
    speed = figure(measures.get("tokens_per_second"))
    if speed is None and seconds:
        seen = sum(figure(row.get("tokens")) or 0.0 for row in history) or tokens
        speed = seen / seconds if seen else None
    return Curve(
        step=step.id,
        loss=series("loss"),
        valid=points(measures.get("valid_losses")),
        learning_rate=series("learning_rate"),
        final_loss=figure(measures.get("final_train_loss")),
        updates=figure(measures.get("updates")) or (float(len(history)) or None),
        epochs=figure(measures.get("epochs")),
        tokens=tokens,
        tokens_per_second=speed,
        seconds=seconds,
        parameters=figure(measures.get("trainable_parameters")),
        modules=figure(measures.get("matched_modules")),
        scale=figure(measures.get("scale")),
        settings=settings,
        paths=tuple((k, text(v)) for k, v in sorted(mapping(measures.get("paths_taken")).items())),
    )


def curves(steps: Sequence[StepRecord], spec: Mapping[str, Any]) -> tuple[Curve, ...]:
    """The curves of all tune steps, each with what the resolved spec says of it."""
    tunes = mapping(spec.get("tunes"))
    return tuple(
        # A sweep's variant is named after the tune that the spec wrote: `qwen-lora@rank=16`.
        curve(step, flat(mapping(tunes.get(name_of(step.id).partition("@")[0]))))
        for step in steps
        if step.kind == "tune"
    )


def memory(steps: Sequence[StepRecord], quantities: Mapping[str, Any], timelines: Mapping[str, Points]) -> Memory:
    """What the guard saw, step by step. The peak is the record's own quantity where it has one."""
    seen = (_step_memory(step, timelines.get(step.id, ())) for step in steps)
    rows = tuple(row for row in seen if row.peak is not None or row.mlx_peak is not None)
    stated = figure(mapping(quantities.get("memory.peak")).get("value"))
    peaks = [row.peak for row in rows if row.peak is not None]
    limits = [row.limit for row in rows if row.limit]
    return Memory(rows, stated if stated is not None else max(peaks, default=None), min(limits, default=None))


def _step_memory(step: StepRecord, timeline: Points) -> StepMemory:
    seen = step.memory
    return StepMemory(
        step=step.id,
        forecast=figure(seen.get("forecast_bytes")),
        peak=figure(seen.get("peak_bytes")),
        mlx_peak=figure(seen.get("mlx_peak_bytes")) or figure(step.measures.get("peak_memory_bytes")),
        limit=figure(seen.get("limit_bytes")),
        samples=figure(seen.get("samples")),
        gaps=figure(seen.get("gaps")),
        timeline=timeline,
        seconds=step.seconds,
    )
