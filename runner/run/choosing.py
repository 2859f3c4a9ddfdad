"""Micro-batch and checkpointing for every tuning, from a memory forecast that loads nothing.

A forecast takes seconds in a child process, so what it came to is kept in `artifacts/.forecasts.json` under a digest
of all that it was made of. That file is a cache: removing it costs time only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from runner import files
from runner.canonical import digest_value, plain
from runner.errors import InvalidError, LorarunError, StepError
from runner.machine.environment import ABSENT, environment_class
from runner.machine.memory import given_bytes
from runner.memory.fit import fit, tune_shape
from runner.memory.forecast import RowShape
from runner.memory.grids import largest_grid
from runner.models.facts import ModelFacts, facts_of
from runner.models.lock import Lock, lock_path, read_lock
from runner.plan.asked import Asked, AskedBy, Weighed
from runner.plan.names import tune_id
from runner.plan.params import Choice
from runner.plan.paths import Pins, decide, resolved
from runner.run.child import environment_of_child
from runner.run.choosing_answers import Grid, Question, chosen_of, question_of, together
from runner.samples.dataset import DatasetSpec
from runner.spec.model import Spec, TuneSpec
from runner.store.sources import images_of

CACHE = "artifacts/.forecasts.json"
VERSION = 3  # of the way forecasts are made

T = TypeVar("T", Choice, Weighed)


@dataclass(frozen=True)
class Chosen:
    """What was chosen for each tune and each variant of a sweep, and for answers, with the reasons."""

    tunes: dict[str, Choice]
    answers: dict[Asked, Weighed]


def choose_all(spec: Spec, root: Path, answers: Mapping[Asked, AskedBy], *, rows: Mapping[str, int | None]) -> Chosen:
    """Micro-batch and checkpointing of tunes, and how many answers are made at a time. `rows` are those a tune reads.

    Where memory cannot be forecast (no MLX here, or an architecture without a forecast) the whole batch is taken and
    the reason says so; the guard holds the line all the same. All that a model does is traced in one child, and models
    side by side.

    Raises:
        ResourceError: a step fits in no way; it names what was predicted and which edit would fit.
    """
    environment = environment_class()
    known = known_forecasts(root)
    before = dict(known)
    locked = read_lock(root / lock_path(spec.path)) or Lock()
    tunes: dict[str, _Asked] = {}
    for tune in (_as_locked(t, locked) for t in spec.all_tunes.values()):
        if spec.limits.memory_bytes is None and None not in (tune.train.micro_batch, tune.train.grad_checkpoint):
            continue  # nothing is left open, and there is no line to hold
        tunes[tune.id] = _ask(spec, tune, root, locked, rows.get(tune.id))
    questions = together({q: made for q, by in answers.items() if (made := _question(q, by, spec, root, known))})
    all_of: list[_Asked | Question] = [*tunes.values(), *questions.values()]
    keys = {id(a): a.key(environment, VERSION) for a in all_of}
    unknown = {key: a for a in all_of if not isinstance(known.get(key := keys[id(a)]), dict)}
    if unknown and environment["mlx"] != ABSENT:
        with ThreadPoolExecutor(len(spec.models)) as side_by_side:
            parts = ({k: a for k, a in unknown.items() if a.model == name} for name in spec.models)
            for fitted in [side_by_side.submit(_fit, part) for part in parts if part]:
                known |= fitted.result()
    if known != before:
        files.write_json(root / CACHE, known)
    absent = "MLX is not installed here"
    return Chosen(
        {n: _restored(Choice, known.get(keys[id(a)])) or _unforecast(a.tune, absent) for n, a in tunes.items()},
        {q: found for q, a in questions.items() if (found := _restored(Weighed, known.get(keys[id(a)])))},
    )


def _restored(kind: type[T], value: Any) -> T | None:
    """A choice as the cache has it."""
    return kind(**{**value, "reasons": tuple(value["reasons"])}) if isinstance(value, dict) else None


@dataclass(frozen=True)
class _Asked:
    """All that a tuning's forecast is made of."""

    facts: ModelFacts
    dtype: str
    tune: TuneSpec
    rows: tuple[RowShape, ...]
    limit_bytes: int | None
    machine_bytes: int
    images: int | None  # of the data set

    @property
    def model(self) -> str:
        """Its id in the spec."""
        return self.tune.model

    def key(self, environment: Mapping[str, str], version: int) -> str:
        """Of this forecast in the cache."""
        return digest_value([version, self.as_json(), dict(environment)])

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


def pins_of(locked: Lock) -> Pins:
    """The fast paths that the lock holds as measured."""
    return Pins({n: row.pins for n, row in locked.tunes.items()}, {n: row.pins for n, row in locked.models.items()})


def _as_locked(tune: TuneSpec, locked: Lock) -> TuneSpec:
    """The tune with what its lock holds, where the spec leaves it open: another machine computes the same."""
    held, train = locked.tunes.get(tune.id), tune.train
    if held is None or not 1 <= held.micro_batch <= train.batch_size:
        return tune
    micro_batch = held.micro_batch if train.micro_batch is None else train.micro_batch
    checkpoint = held.grad_checkpoint if train.grad_checkpoint is None else train.grad_checkpoint
    return replace(tune, train=replace(train, micro_batch=micro_batch, grad_checkpoint=checkpoint))


def _ask(spec: Spec, tune: TuneSpec, root: Path, locked: Lock, rows_read: int | None) -> _Asked:
    """Rows at their bound: `max_seq_length` tokens, all of them supervised, with the largest image of the data set."""
    model = spec.models[tune.model]
    facts = facts_of(model, root)
    grid, images = _largest(spec.datasets[tune.dataset], facts, root)
    pins = pins_of(locked).tunes.get(tune.id)
    paths = decide(tune.lora, tune.train, facts.config, pins=pins, rows=rows_read)
    tune = replace(tune, train=resolved(tune.train, paths))
    length = tune.train.max_seq_length
    row = RowShape(tokens=length, labels=length - 1, grids=(grid,) if grid else ())
    rows = (row,) * tune.train.batch_size
    return _Asked(facts, model.dtype, tune, rows, spec.limits.memory_bytes, given_bytes() or 0, images)


def _question(asked: Asked, by: AskedBy, spec: Spec, root: Path, known: dict[str, Any]) -> Question | None:
    facts, dataset = facts_of(spec.models[asked.model], root), spec.datasets[asked.dataset]
    grid, images = _largest(dataset, facts, root) if asked.images else (None, None)
    return question_of(
        asked,
        by,
        dataset,
        facts,
        root,
        grid=grid,
        images=images,
        limit_bytes=spec.limits.memory_bytes,
        machine_bytes=given_bytes() or 0,
        known=known,
    )


def _largest(dataset: DatasetSpec, facts: ModelFacts, root: Path) -> tuple[Grid | None, int | None]:
    """The largest image of a data set as the model cuts it, and how many images there are; None without any."""
    seen = images_of(dataset, root) if facts.is_vision and dataset.image else []
    grid = largest_grid(_sizes(root, seen), facts.preprocessor)
    return grid, len(seen) if grid else None


def _sizes(root: Path, paths: list[Path]) -> Iterator[tuple[int, int]]:
    """(width, height) from the files' headers; a file that is no image is told of when the data is prepared."""
    from PIL import Image, UnidentifiedImageError

    for path in paths:
        try:
            with Image.open(path) as image:
                yield image.size
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError):
            continue


def _fit(asked: Mapping[str, _Asked | Question]) -> dict[str, Any]:
    """The choices of one model as plain data, by their keys in the cache."""
    first = next(iter(asked.values()))
    tunes = {key: a for key, a in asked.items() if isinstance(a, _Asked)}
    answers = {key: a for key, a in asked.items() if isinstance(a, Question)}
    try:
        made = fit(
            first.facts.config,
            dtype=first.dtype,
            tunes={
                key: tune_shape(a.tune.lora, a.tune.train, a.rows, images=a.images, whole=True)
                for key, a in tunes.items()
            },
            answers={key: a.answers for key, a in answers.items()},
            names={**{k: tune_id(a.tune.id) for k, a in tunes.items()}, **{k: a.name for k, a in answers.items()}},
            limit_bytes=first.limit_bytes,
            machine_bytes=first.machine_bytes or None,
            environment=environment_of_child(),
        )
    except (InvalidError, StepError) as error:
        return {key: plain(_unforecast(a.tune, error.message)) for key, a in tunes.items()} | {
            key: plain(chosen_of(a, None)) for key, a in answers.items()
        }
    chosen = {k: Choice(c.micro_batch, c.grad_checkpoint, c.reasons, c.peak_bytes) for k, c in made.tunes.items()}
    return {k: plain(c) for k, c in chosen.items()} | {
        k: plain(chosen_of(a, made.answers.get(k))) for k, a in answers.items()
    }


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
