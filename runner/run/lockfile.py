"""What this machine settles for a spec: the content of its lock, and where that differs from the lock in git."""

from __future__ import annotations

from pathlib import Path

from runner.machine.file_digests import FileDigests
from runner.models.digest import digest_checkpoint
from runner.models.locate import find_checkpoint
from runner.models.lock import Lock, LockedDataset, LockedModel
from runner.run.survey import environment
from runner.spec.model import ModelSpec, Spec
from runner.store.sources import digest_dataset


def settled(spec: Spec, root: Path, *, locked: Lock | None = None) -> Lock:
    """Commits and digests of the models and data that are here, and the environment.

    A commit that is locked already stays, unless the spec names another path or revision. A model that is not on this
    machine keeps what was locked. Choices of a run (micro-batch, checkpointing) are carried over for tunes that the
    spec still has.

    Raises:
        InvalidError: a data set or a plain checkpoint folder is not there.
    """
    old = locked or Lock()
    digests = FileDigests(root)
    models = {model.id: _model(model, root, old.models.get(model.id)) for model in spec.models.values()}
    datasets = {
        dataset.id: LockedDataset(path=dataset.path, digest=digest_dataset(dataset, root, digests))
        for dataset in spec.datasets.values()
    }
    digests.save()
    tunes = {name: choice for name, choice in old.tunes.items() if name in spec.tunes}
    return Lock(models=models, datasets=datasets, tunes=tunes, environment=environment())


def pinned_commit(model: ModelSpec, locked: Lock | None) -> str:
    """The commit that the lock holds for a model, as long as the spec still names that path and revision."""
    row = locked.models.get(model.id) if locked else None
    return row.commit if row and (row.path, row.revision) == (model.path, model.revision) else ""


def _model(model: ModelSpec, root: Path, old: LockedModel | None) -> LockedModel:
    commit = pinned_commit(model, Lock(models={model.id: old}) if old else None)
    found = find_checkpoint(model, root, commit=commit)
    if found is None:
        kept = old is not None and commit != ""
        return LockedModel(model.path, model.revision, commit, old.digest if old and kept else "")
    digest = digest_checkpoint(found.folder, root=root)
    return LockedModel(model.path, model.revision, found.commit, digest)
