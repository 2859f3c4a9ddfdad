"""What a plan will take: time, memory and disk of each step to run, and what has to be downloaded. Only reads.

Every figure comes from a forecast or from what earlier steps measured on this machine, and says which; what is not
known is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import files
from runner.errors import LorarunError
from runner.machine.disk import free_bytes
from runner.models.facts import facts_of
from runner.plan.duration import MODEL, Duration, History, Past, Rates, duration_of, past_work, rows_read
from runner.plan.model import Plan, PlannedStep, Step
from runner.plan.names import INPUTS, REHEARSAL, name_of, rehearse_id
from runner.run.counted import lines_of
from runner.run.dependencies import Dependency, dependencies
from runner.run.real_rows import Counted, RealRows
from runner.run.space import DiskForecast, forecast_here, used_bytes
from runner.run.survey import Survey
from runner.spec.model import ModelSpec, Spec
from runner.store.artifacts import Artifacts
from runner.store.manifest import Manifest

MACHINE = ("backend", "chip", "blas", "blas_core", "blas_threads", "world_size")  # what speed depends on


@dataclass(frozen=True)
class Amount:
    """Bytes, or None; and what they come from."""

    size_bytes: int | None
    basis: str


@dataclass(frozen=True)
class StepOutlook:
    """What one step to run will take."""

    duration: Duration
    memory: Amount
    disk: Amount


@dataclass(frozen=True)
class Download:
    """A hub model that is not on this machine. The size is that of its weights, where it is known."""

    model: str
    path: str
    revision: str
    size_bytes: int | None


@dataclass(frozen=True)
class Outlook:
    """What the steps to run will take, by step id."""

    steps: Mapping[str, StepOutlook] = field(default_factory=dict)
    downloads: tuple[Download, ...] = ()
    after: tuple[Dependency, ...] = ()  # what `depends_on` names
    used_bytes: int = 0  # of finished steps in artifacts/
    free_bytes: int | None = None
    memory_limit_bytes: int | None = None
    disk_limit_bytes: int | None = None
    rehearsed: Mapping[str, Rates] = field(default_factory=dict)  # by model, what its last rehearsal measured

    @property
    def seconds(self) -> float:
        """Of all steps whose time is known."""
        return sum(s.duration.seconds or 0.0 for s in self.steps.values())

    @property
    def at_most_seconds(self) -> float:
        """Of `seconds`, those of answers that may end earlier."""
        return sum(s.duration.seconds or 0.0 for s in self.steps.values() if s.duration.at_most)

    @property
    def untimed(self) -> int:
        """Steps whose time is not known."""
        return sum(s.duration.seconds is None for s in self.steps.values())

    @property
    def disk_bytes(self) -> int:
        """What all steps whose size is known will write."""
        return sum(s.disk.size_bytes or 0 for s in self.steps.values())

    @property
    def unsized(self) -> int:
        """Steps whose size on disk is not known."""
        return sum(s.disk.size_bytes is None for s in self.steps.values())

    @property
    def unweighed(self) -> int:
        """Steps whose memory is neither forecast nor measured."""
        return sum(s.memory.size_bytes is None for s in self.steps.values())

    @property
    def most_memory(self) -> tuple[str, int] | None:
        """The step that needs the most memory of those whose need is known, and how much; None without any."""
        known = [(i, s.memory.size_bytes) for i, s in self.steps.items() if s.memory.size_bytes is not None]
        return max(known, key=lambda pair: pair[1], default=None)


def outlook(spec: Spec, root: Path, plan: Plan, surveyed: Survey, *, real_rows: RealRows | None = None) -> Outlook:
    """What the steps of `plan` that are not cached will take, each as if its inputs were new."""
    here = [m for m in _oldest_first(surveyed.artifacts) if _same_machine(m, surveyed.known.environment)]
    history = _history(spec, root, plan, surveyed, here)
    last = {m.step: m for m in here}
    return Outlook(
        steps={s.step.id: _step(s, spec, root, surveyed, history, last.get(s.step.id), real_rows) for s in plan.to_run},
        downloads=tuple(_download(m, root) for m in surveyed.absent),
        rehearsed=history.rates,
        after=dependencies(spec, root),
        used_bytes=used_bytes(root),
        free_bytes=free_bytes(root),
        memory_limit_bytes=spec.limits.memory_bytes,
        disk_limit_bytes=spec.limits.disk_bytes,
    )


def _oldest_first(artifacts: Artifacts) -> list[Manifest]:
    return sorted(artifacts.manifests().values(), key=lambda m: (m.created, m.step))


def _same_machine(manifest: Manifest, environment: Mapping[str, str]) -> bool:
    return all(manifest.environment.get(k) == environment.get(k) for k in MACHINE)


def _history(spec: Spec, root: Path, plan: Plan, surveyed: Survey, manifests: Iterable[Manifest]) -> History:
    by_step = {s.step.id: surveyed.artifacts.manifests().get(s.key) for s in plan.steps if s.action == "cached"}
    rows: dict[str, Mapping[str, int]] = {d.id: lines_of(d, root) for d in spec.datasets.values()}
    tokens: dict[str, float] = {}
    answers: dict[str, float] = {}
    for step, manifest in by_step.items():
        if manifest and manifest.kind == "prepare":
            rows[name_of(step)] = manifest.measures.get("rows", {})
        train = manifest.measures.get("train") if manifest and manifest.kind == "lengths" else None
        spread = train.get("answer_tokens") if isinstance(train, dict) else None
        if isinstance(spread, dict) and isinstance(spread.get("p95"), int | float):
            answers[name_of(step)] = float(spread["p95"])
        if isinstance(train, dict) and isinstance(train.get("tokens"), int | float):
            tokens[name_of(step)] = float(train["tokens"])
    return History(
        past=tuple(_past(m) for m in manifests),
        rates={model: found for model in spec.models if (found := _rates(surveyed, model))},
        rows=rows,
        tokens=tokens,
        answers=answers,
    )


def _past(manifest: Manifest) -> Past:
    parts = manifest.components
    weights = str(parts.get("inputs", {}).get(MODEL, ""))
    work = past_work(manifest.kind, parts.get("params", {}), manifest.measures)
    return Past(manifest.step, manifest.kind, manifest.seconds, weights, work)


def _rates(surveyed: Survey, model: str) -> Rates | None:
    """What the newest rehearsal of a model's present weights measured; None where there was none."""
    weights = surveyed.known.sources.get(f"checkpoint/{model}")
    manifest = surveyed.artifacts.last_of().get(rehearse_id(model))
    if manifest is None or manifest.components.get("inputs", {}).get(MODEL) != weights:
        return None
    if REHEARSAL not in manifest.outputs or not _same_machine(manifest, surveyed.known.environment):
        return None
    try:
        value = files.read_json(surveyed.artifacts.place(manifest.key) / REHEARSAL)
    except LorarunError:  # a damaged output is told of where it is used
        return None
    rates = value.get("rates") if isinstance(value, dict) else None
    rates = rates if isinstance(rates, dict) else {}
    return Rates(
        _positive(rates.get("tune_tokens_per_second")),
        _positive(rates.get("generate_tokens_per_second")),
        _positive(rates.get("load_seconds")) or 0.0,
        int(_positive(value.get("peak_memory_bytes")) or 0) or None if isinstance(value, dict) else None,
    )


def _positive(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _step(
    planned: PlannedStep,
    spec: Spec,
    root: Path,
    surveyed: Survey,
    history: History,
    last: Manifest | None,
    real_rows: RealRows | None,
) -> StepOutlook:
    step = planned.step
    weights = surveyed.known.sources.get(f"checkpoint/{step.group}", "") if step.group else ""
    return StepOutlook(
        duration_of(step, history, weights=weights),
        _memory(step, last, real_rows.of(step) if real_rows else None),
        _disk(forecast_here(step, spec, root, surveyed.artifacts, counted=rows_read(step, history, f".{INPUTS}"))),
    )


def _memory(step: Step, last: Manifest | None, counted: Counted | None) -> Amount:
    if counted is not None:
        return Amount(counted.peak_bytes, f"forecast of MLX's peak {counted.said}")
    if step.forecast_bytes is not None:
        bound = "prompts" if step.kind == "generate" else "rows"
        return Amount(step.forecast_bytes, f"forecast of MLX's peak, for {bound} at their bound")
    peak = last.memory.get("peak_bytes") if last else None
    if isinstance(peak, int):
        return Amount(peak, "the peak of its last run, of the whole process")
    return Amount(None, "it is neither forecast nor measured yet")


def _disk(found: DiskForecast) -> Amount:
    return Amount(found.leaves_bytes, found.basis)


def _download(model: ModelSpec, root: Path) -> Download:
    return Download(model.id, model.path, model.revision, facts_of(model, root).parameter_bytes or None)
