"""A tuning's memory forecast for the rows that it really has, once they were counted.

The plan chooses by rows at their bound (`max_seq_length`), so that the choice depends on nothing that is cached. This
figure stands beside that one and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner import files
from runner.canonical import digest_value, plain
from runner.errors import InvalidError, LorarunError, StepError
from runner.machine.blas import child_environment, find
from runner.machine.environment import environment_class
from runner.memory.choose import gigabytes
from runner.memory.forecast import RowShape, TuneShape, forecast
from runner.models.facts import facts_of
from runner.plan.model import Plan, Step
from runner.run.child import import_path
from runner.run.choosing import CACHE, VERSION, known_forecasts
from runner.samples.lengths import FILE, RowLength, read_lengths
from runner.spec.model import LoraSpec, Spec, TrainSpec
from runner.store.artifacts import Artifacts
from runner.store.sources import images_of


def said_of_rows(step: Step, spec: Spec, root: Path, plan: Plan, artifacts: Artifacts) -> str:
    """The forecast of `step` with its longest rows side by side, in words; "" where no rows of it were counted.

    Traces in a child, once for the same rows; loads nothing.
    """
    lengths = _lengths(step, plan, artifacts)
    if not lengths or not lengths.get("train"):
        return ""
    shape = _shape(step, lengths["train"], lengths.get("valid", ()), _images(step, spec, root))
    try:
        peak = _peak(step, spec, root, shape)
    except (InvalidError, StepError) as error:
        return f"with its own rows: {error.message}"
    return f"with its own rows, of {shape.rows[0].tokens:,} tokens at most: {gigabytes(peak)}; nothing is chosen by it"


def _lengths(step: Step, plan: Plan, artifacts: Artifacts) -> dict[str, tuple[RowLength, ...]]:
    """What the finished step that counted the tuning's rows has left; nothing where it has to run."""
    cached = {s.step.id: s.key for s in plan.steps if s.action == "cached" and s.step.kind == "lengths"}
    for name in step.after:
        if step.kind == "tune" and name in cached:
            try:
                return read_lengths(artifacts.place(cached[name]) / FILE)
            except LorarunError:  # a damaged output is told of where it is used
                return {}
    return {}


def _shape(step: Step, train: Sequence[RowLength], valid: Sequence[RowLength], images: int | None) -> TuneShape:
    lora = LoraSpec(**{**step.params["lora"], "target_modules": tuple(step.params["lora"]["target_modules"])})
    settings = TrainSpec(**step.params["train"])
    micro_batch = int(settings.micro_batch or settings.batch_size)
    return TuneShape(
        lora,
        settings,
        _longest(train, settings, settings.batch_size),
        _longest(valid, settings, micro_batch),
        ((micro_batch, bool(settings.grad_checkpoint)),),
        images=images,
        whole=True,
    )


def _longest(rows: Sequence[RowLength], train: TrainSpec, count: int) -> tuple[RowShape, ...]:
    """The longest rows as the tuning sees them: prompts cut to `max_seq_length` where the spec says so."""
    seen = []
    for row in rows:
        total = min(row.total, train.max_seq_length)
        seen.append(RowShape(total, min(row.answer, total - 1) if train.mask_prompt else total - 1, row.grids))
    return tuple(sorted(seen, key=lambda r: (-r.tokens, -r.labels, r.grids))[:count])


def _images(step: Step, spec: Spec, root: Path) -> int | None:
    dataset = next(d for d in spec.datasets.values() if any(n.step == f"prepare/{d.id}" for n in step.needs))
    return len(images_of(dataset, root)) if step.params["images"] and dataset.image else None


def _peak(step: Step, spec: Spec, root: Path, shape: TuneShape) -> int:
    config, dtype = facts_of(spec.models[step.group], root).config, step.params["dtype"]
    key = digest_value([VERSION, "rows", config, dtype, plain(shape), environment_class()])
    known = known_forecasts(root)
    if not isinstance(known.get(key), int):
        environment = {**child_environment(find()), "PYTHONPATH": import_path()}
        found = forecast(config, dtype=dtype, tunes={step.id: shape}, generations={}, environment=environment)
        known[key] = found.tunes[step.id][0].peak.peak_bytes
        files.write_json(root / CACHE, known)
    return int(known[key])
