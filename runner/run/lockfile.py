"""What a campaign settles beside its spec: the content of its lock, kept and compared when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner.errors import ChangedError
from runner.models.lock import (
    Lock,
    LockedDataset,
    LockedModel,
    LockedTune,
    compare,
    lock_path,
    pinned_commit,
    read_lock,
    write_lock,
)
from runner.plan.model import Step
from runner.plan.names import name_of
from runner.plan.paths import Pins
from runner.run.survey import Survey
from runner.spec.model import ModelSpec, Spec


def settled(spec: Spec, surveyed: Survey, *, locked: Lock | None = None, steps: Sequence[Step] = ()) -> Lock:
    """Commits and digests of the models and data that were found, and the environment.

    A model that is not on this machine keeps what was locked for the same path and revision. `steps` are the planned
    ones, whose tunings have micro-batch, checkpointing and fast paths decided; without them the locked ones are
    carried over.
    """
    old = locked or Lock()
    datasets = {
        dataset.id: LockedDataset(path=dataset.path, digest=surveyed.known.sources[f"dataset/{dataset.id}"])
        for dataset in spec.datasets.values()
    }
    return Lock(
        models={model.id: _model(model, surveyed, old) for model in spec.models.values()},
        datasets=datasets,
        tunes=_tunes(spec, old, steps),
        environment=dict(surveyed.known.environment),
    )


def _tunes(spec: Spec, old: Lock, steps: Sequence[Step]) -> dict[str, LockedTune]:
    names = spec.tunes.keys() | spec.all_tunes.keys()
    kept = {name: row for name, row in old.tunes.items() if name in names}
    for step in steps:
        if step.kind == "tune":
            name = name_of(step.id)
            kept[name] = _tune(step, kept.get(name))
    return kept


def _tune(step: Step, known: LockedTune | None) -> LockedTune:
    """What was decided, with the reason that was given when it was decided first."""
    train = step.params["train"]
    row = LockedTune(train["micro_batch"], train["grad_checkpoint"], "; ".join(step.notes), dict(step.paths))
    if known is None:
        return row
    same = (known.micro_batch, known.grad_checkpoint) == (row.micro_batch, row.grad_checkpoint)
    return replace(row, reason=known.reason if same else row.reason, pins=known.pins)


def keep_lock(spec: Spec, root: Path, surveyed: Survey, steps: Sequence[Step]) -> bool:
    """Write the lock where there is none, or where models or data are not what it says; whether it was written.

    The environment alone does not rewrite it: a machine that only looks would leave a change in everybody's git.
    """
    path = root / lock_path(spec.path)
    old = read_lock(path)
    new = settled(spec, surveyed, locked=old, steps=steps)
    if old is not None and not compare(old, replace(new, environment=old.environment)):
        return False
    write_lock(path, new)
    return True


def pin_paths(spec: Spec, root: Path, pins: Pins) -> None:
    """Write what was measured of fast paths into the lock. What is pinned there already stays.

    Raises:
        InvalidError, IntegrityError: as `read_lock`.
    """
    path = root / lock_path(spec.path)
    locked = read_lock(path) or Lock()
    tunes, models = dict(locked.tunes), dict(locked.models)
    for name, found in pins.tunes.items():
        tunes[name] = replace(tunes[name], pins={**found, **tunes[name].pins})
    for name, found in pins.answers.items():
        models[name] = replace(models[name], pins={**found, **models[name].pins})
    write_lock(path, replace(locked, tunes=tunes, models=models))


def hold_to_lock(spec: Spec, root: Path, surveyed: Survey, steps: Sequence[Step] = ()) -> None:
    """Refuse inputs that are not the locked ones, and tunings that are decided otherwise.

    Raises:
        ChangedError: there is no lock, or a commit or digest is another one. The environment is asked about apart.
    """
    path = lock_path(spec.path)
    old = read_lock(root / path)
    if old is None:
        raise ChangedError(
            f"`{path}` is missing, and `--locked` allows only what it holds", help="`lorarun lock` first"
        )
    found = replace(settled(spec, surveyed, locked=old, steps=steps), environment=old.environment)
    if differences := compare(old, found):
        listed = "; ".join(str(d) for d in differences[:5]) + (" …" if len(differences) > 5 else "")
        raise ChangedError(f"not what `{path}` holds: {listed}", help="`lorarun lock` accepts what is here")


def _model(model: ModelSpec, surveyed: Survey, old: Lock) -> LockedModel:
    pins = old.models[model.id].pins if model.id in old.models else {}
    if model.id not in surveyed.commits:
        commit = pinned_commit(model, old)
        return LockedModel(model.path, model.revision, commit, old.models[model.id].digest if commit else "", pins)
    digest = surveyed.known.sources[f"checkpoint/{model.id}"]
    return LockedModel(model.path, model.revision, surveyed.commits[model.id], digest, pins)
