"""What a campaign settles beside its spec: the content of its lock, kept and compared when it runs."""

from __future__ import annotations

from collections.abc import Mapping
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
from runner.plan.params import Choice
from runner.run.survey import Survey
from runner.spec.model import ModelSpec, Spec


def settled(
    spec: Spec, surveyed: Survey, *, locked: Lock | None = None, choices: Mapping[str, Choice] | None = None
) -> Lock:
    """Commits and digests of the models and data that were found, and the environment.

    A model that is not on this machine keeps what was locked for the same path and revision. `choices` are the
    micro-batch and checkpointing of tunes that leave them open; without them the locked ones are carried over.
    """
    old = locked or Lock()
    datasets = {
        dataset.id: LockedDataset(path=dataset.path, digest=surveyed.known.sources[f"dataset/{dataset.id}"])
        for dataset in spec.datasets.values()
    }
    return Lock(
        models={model.id: _model(model, surveyed, old) for model in spec.models.values()},
        datasets=datasets,
        tunes=_tunes(spec, old, choices or {}),
        environment=dict(surveyed.known.environment),
    )


def _tunes(spec: Spec, old: Lock, choices: Mapping[str, Choice]) -> dict[str, LockedTune]:
    variants = {v.id: v for sweep in spec.sweeps.values() for v in sweep.variants}
    open_ones = {
        n: t for n, t in {**spec.tunes, **variants}.items() if None in (t.train.micro_batch, t.train.grad_checkpoint)
    }
    found = {name: old.tunes[name] for name in open_ones if name in old.tunes}
    for name, choice in choices.items():
        if name in open_ones and choice.forecast_bytes is not None:
            known = found.get(name)
            if known is None or (known.micro_batch, known.grad_checkpoint) != (
                choice.micro_batch,
                choice.grad_checkpoint,
            ):
                found[name] = LockedTune(choice.micro_batch, choice.grad_checkpoint, "; ".join(choice.reasons))
    return found


def keep_lock(spec: Spec, root: Path, surveyed: Survey, choices: Mapping[str, Choice]) -> bool:
    """Write the lock where there is none, or where models or data are not what it says; whether it was written.

    The environment alone does not rewrite it: a machine that only looks would leave a change in everybody's git.
    """
    path = root / lock_path(spec.path)
    old = read_lock(path)
    new = settled(spec, surveyed, locked=old, choices=choices)
    if old is not None and not compare(old, replace(new, environment=old.environment)):
        return False
    write_lock(path, new)
    return True


def hold_to_lock(spec: Spec, root: Path, surveyed: Survey) -> None:
    """Refuse inputs that are not the locked ones.

    Raises:
        ChangedError: there is no lock, or a commit or digest is another one. The environment is asked about apart.
    """
    path = lock_path(spec.path)
    old = read_lock(root / path)
    if old is None:
        raise ChangedError(
            f"`{path}` is missing, and `--locked` allows only what it holds", help="`lorarun lock` first"
        )
    found = replace(settled(spec, surveyed, locked=old), environment=old.environment)
    if differences := compare(old, found):
        listed = "; ".join(str(d) for d in differences[:5]) + (" …" if len(differences) > 5 else "")
        raise ChangedError(f"not what `{path}` holds: {listed}", help="`lorarun lock` accepts what is here")


def _model(model: ModelSpec, surveyed: Survey, old: Lock) -> LockedModel:
    if model.id not in surveyed.commits:
        commit = pinned_commit(model, old)
        return LockedModel(model.path, model.revision, commit, old.models[model.id].digest if commit else "")
    digest = surveyed.known.sources[f"checkpoint/{model.id}"]
    return LockedModel(model.path, model.revision, surveyed.commits[model.id], digest)
