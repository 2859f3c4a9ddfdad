"""What a campaign settles beside its spec: the content of its lock, kept and compared when it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runner.errors import ChangedError
from runner.models.lock import (
    Lock,
    LockedDataset,
    LockedModel,
    compare,
    lock_path,
    pinned_commit,
    read_lock,
    write_lock,
)
from runner.run.survey import Survey
from runner.spec.model import ModelSpec, Spec


def settled(spec: Spec, surveyed: Survey, *, locked: Lock | None = None) -> Lock:
    """Commits and digests of the models and data that were found, and the environment.

    A model that is not on this machine keeps what was locked for the same path and revision. Choices of a run
    (micro-batch, checkpointing) are carried over for tunes that the spec still has.
    """
    old = locked or Lock()
    datasets = {
        dataset.id: LockedDataset(path=dataset.path, digest=surveyed.known.sources[f"dataset/{dataset.id}"])
        for dataset in spec.datasets.values()
    }
    return Lock(
        models={model.id: _model(model, surveyed, old) for model in spec.models.values()},
        datasets=datasets,
        tunes={name: choice for name, choice in old.tunes.items() if name in spec.tunes},
        environment=dict(surveyed.known.environment),
    )


def keep_lock(spec: Spec, root: Path, surveyed: Survey) -> bool:
    """Write the lock where there is none, or where models or data are not what it says; whether it was written.

    The environment alone does not rewrite it: a machine that only looks would leave a change in everybody's git.
    """
    path = root / lock_path(spec.path)
    old = read_lock(path)
    new = settled(spec, surveyed, locked=old)
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
