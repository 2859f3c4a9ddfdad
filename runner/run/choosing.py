"""Micro-batch and checkpointing for every tuning, from a memory forecast that loads nothing.

A forecast takes seconds in a child process, so what it came to is kept in `artifacts/.forecasts.json` under a digest
of all that it was made of. That file is a cache: removing it costs time only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner import files
from runner.canonical import digest_value, plain
from runner.errors import InvalidError, LorarunError, StepError
from runner.machine.blas import child_environment, find
from runner.machine.environment import ABSENT, environment_class
from runner.machine.memory import gpu_working_set_bytes, total_bytes
from runner.memory.fit import fit_tune
from runner.memory.forecast import RowShape
from runner.memory.grids import largest_grid
from runner.models.facts import ModelFacts, facts_of
from runner.models.lock import Lock, lock_path, read_lock
from runner.plan.params import Choice
from runner.plan.paths import Pins, decide, resolved
from runner.run.child import import_path
from runner.spec.model import Spec, TuneSpec
from runner.store.sources import images_of

CACHE = "artifacts/.forecasts.json"
VERSION = 2  # of the way forecasts are made


def choices_for(spec: Spec, root: Path) -> dict[str, Choice]:
    """What was chosen for each tune and each variant of a sweep, with its reasons.

    Where memory cannot be forecast (no MLX here, or an architecture without a forecast) the whole batch is taken and
    the reason says so; the guard holds the line all the same.

    Raises:
        ResourceError: a tuning fits in no way; it names what was predicted and which edit would fit.
    """
    environment = environment_class()
    known = known_forecasts(root)
    locked = read_lock(root / lock_path(spec.path)) or Lock()
    found: dict[str, Choice] = {}
    learnt = False
    for tune in (_as_locked(t, locked) for t in _tunes(spec)):
        if spec.limits.memory_bytes is None and None not in (tune.train.micro_batch, tune.train.grad_checkpoint):
            continue  # nothing is left open, and there is no line to hold
        asked = _ask(spec, tune, root, locked)
        key = asked.key(environment)
        cached = known.get(key)
        if isinstance(cached, dict):
            choice = Choice(**{**cached, "reasons": tuple(cached["reasons"])})
        elif environment["mlx"] == ABSENT:
            choice = _unforecast(tune, "MLX is not installed here")
        else:
            choice = _forecast(tune, asked)
            known[key] = plain(choice)
            learnt = True
        found[tune.id] = choice
    if learnt:
        files.write_json(root / CACHE, known)
    return found


@dataclass(frozen=True)
class _Asked:
    """All that a forecast is made of."""

    facts: ModelFacts
    dtype: str
    tune: TuneSpec
    rows: tuple[RowShape, ...]
    limit_bytes: int | None
    machine_bytes: int
    images: int | None  # of the data set

    def key(self, environment: Mapping[str, str]) -> str:
        """Of this forecast in the cache."""
        return digest_value([VERSION, self.as_json(), dict(environment)])

    def as_json(self) -> Any:
        """The same as plain data. The tune's name and data set do not matter to memory."""
        return plain(
            {
                "config": self.facts.config,
                "dtype": self.dtype,
                "lora": self.tune.lora,
                "train": self.tune.train,
                "rows": self.rows,
                "limit": self.limit_bytes,
                "machine": self.machine_bytes,
                "images": self.images,
            }
        )


def key_of(spec: Spec, tune: TuneSpec, root: Path, locked: Lock, environment: Mapping[str, str]) -> str:
    """The name under which the cache holds a tune's forecast."""
    return _ask(spec, tune, root, locked).key(environment)


def pins_of(locked: Lock) -> Pins:
    """The fast paths that the lock holds as measured."""
    return Pins({n: row.pins for n, row in locked.tunes.items()}, {n: row.pins for n, row in locked.models.items()})


def _tunes(spec: Spec) -> Iterator[TuneSpec]:
    for tune in spec.tunes.values():
        if tune.id in spec.sweeps:
            yield from spec.sweeps[tune.id].variants
        else:
            yield tune


def _as_locked(tune: TuneSpec, locked: Lock) -> TuneSpec:
    """The tune with what its lock holds, where the spec leaves it open: another machine computes the same."""
    held, train = locked.tunes.get(tune.id), tune.train
    if held is None or not 1 <= held.micro_batch <= train.batch_size:
        return tune
    micro_batch = held.micro_batch if train.micro_batch is None else train.micro_batch
    checkpoint = held.grad_checkpoint if train.grad_checkpoint is None else train.grad_checkpoint
    return replace(tune, train=replace(train, micro_batch=micro_batch, grad_checkpoint=checkpoint))


def _ask(spec: Spec, tune: TuneSpec, root: Path, locked: Lock) -> _Asked:
    """Rows at their bound: `max_seq_length` tokens, all of them supervised, with the largest image of the data set."""
    model = spec.models[tune.model]
    facts = facts_of(model, root)
    dataset = spec.datasets[tune.dataset]
    seen = images_of(dataset, root) if facts.is_vision and dataset.image else []
    grid = largest_grid(_sizes(root, seen), facts.preprocessor)
    paths = decide(tune.lora, tune.train, facts.config, pins=pins_of(locked).tunes.get(tune.id))
    tune = replace(tune, train=resolved(tune.train, paths))
    length = tune.train.max_seq_length
    row = RowShape(tokens=length, labels=length - 1, grids=(grid,) if grid else ())
    rows = (row,) * tune.train.batch_size
    limit, images = spec.limits.memory_bytes, len(seen) if grid else None
    return _Asked(facts, model.dtype, tune, rows, limit, _machine_bytes(), images)


def _machine_bytes() -> int:
    """What this machine can give: on a Mac no more than its GPU may wire; 0 where it cannot be read."""
    known = [n for n in (total_bytes(), gpu_working_set_bytes()) if n is not None]
    return min(known, default=0)


def _sizes(root: Path, paths: list[Path]) -> Iterator[tuple[int, int]]:
    """(width, height) from the files' headers; a file that is no image is told of when the data is prepared."""
    from PIL import Image, UnidentifiedImageError

    for path in paths:
        try:
            with Image.open(path) as image:
                yield image.size
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError):
            continue


def _forecast(tune: TuneSpec, asked: _Asked) -> Choice:
    environment = {**child_environment(find()), "PYTHONPATH": import_path()}
    try:
        made = fit_tune(
            f"tune/{tune.id}",
            asked.facts.config,
            dtype=asked.dtype,
            lora=tune.lora,
            train=tune.train,
            rows=asked.rows,
            limit_bytes=asked.limit_bytes,
            machine_bytes=asked.machine_bytes or None,
            images=asked.images,
            whole=True,
            environment=environment,
        )
    except (InvalidError, StepError) as error:
        return _unforecast(tune, error.message)
    return Choice(made.micro_batch, made.grad_checkpoint, made.reasons, made.peak_bytes)


def _unforecast(tune: TuneSpec, why: str) -> Choice:
    """The spec's own values, and the whole batch without checkpointing where it has none."""
    train = tune.train
    return Choice(
        micro_batch=train.micro_batch or train.batch_size,
        grad_checkpoint=bool(train.grad_checkpoint),
        reasons=(f"memory is not forecast: {why}",),
    )


def known_forecasts(root: Path) -> dict[str, Any]:
    """What the cache holds, by key."""
    path = root / CACHE
    try:
        value = files.read_json(path) if path.exists() else {}
    except LorarunError:  # a cache that cannot be read is an empty one
        return {}
    return value if isinstance(value, dict) else {}
