"""What a plan is made from: where models and data lie, their digests, the environment, and what is finished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.errors import Diagnostic, InvalidError
from runner.machine.environment import environment_class, installed_versions
from runner.machine.file_digests import FileDigests
from runner.models.digest import digest_checkpoint
from runner.models.facts import facts_of
from runner.models.locate import find_checkpoint, locate_checkpoint
from runner.models.lock import lock_path, pinned_commit, read_lock
from runner.models.vet import vet_checkpoint
from runner.plan.kinds import SCORING_PACKAGES
from runner.plan.resolve import Known
from runner.spec.model import ModelSpec, Spec
from runner.store.artifacts import Artifacts
from runner.store.sources import digest_dataset


@dataclass(frozen=True)
class Survey:
    """A project as it is at this moment."""

    artifacts: Artifacts
    known: Known
    places: dict[str, Path]  # "checkpoint/qwen", "dataset/images" → folder
    commits: dict[str, str]  # by id, of the models that are on this machine; "" where none is known
    absent: tuple[ModelSpec, ...]  # known by the facts that ship with the package alone


def survey(spec: Spec, root: Path, *, force: frozenset[str] = frozenset(), keep_environment: bool = False) -> Survey:
    """Look at models, data, environment and artifacts.

    A hub model that is not on this machine is no hindrance to a plan, as long as its facts ship with the package;
    `need_models` says what is missing before a run.

    Raises:
        InvalidError: a model or data set is missing, or a checkpoint folder holds what must not be loaded.
    """
    cache = FileDigests(root)
    locked = read_lock(root / lock_path(spec.path))
    commits: dict[str, str] = {}
    absent: list[ModelSpec] = []
    places: dict[str, Path] = {}
    digests: dict[str, str] = {}
    for model in spec.models.values():
        commit = pinned_commit(model, locked)
        found = find_checkpoint(model, root, commit=commit)
        if found is None:
            facts_of(model, root, commit=commit)  # raises where nothing is known of it
            absent.append(model)
            known_digest = locked.models[model.id].digest if locked and commit else ""
            digests[f"checkpoint/{model.id}"] = known_digest or f"absent:{model.path}@{commit or model.revision}"
            continue
        _vet(found.folder)
        commits[model.id] = found.commit
        places[f"checkpoint/{model.id}"] = found.folder
        digests[f"checkpoint/{model.id}"] = digest_checkpoint(found.folder, root=root)
    for dataset in spec.datasets.values():
        places[f"dataset/{dataset.id}"] = root / dataset.path
        digests[f"dataset/{dataset.id}"] = digest_dataset(dataset, root, cache)
    cache.save()
    artifacts = Artifacts(root)
    known = Known(
        sources=digests,
        environment=environment(),
        by_key={k: m.finished() for k, m in artifacts.manifests().items()},
        last_of={s: m.finished() for s, m in artifacts.last_of().items()},
        force=force,
        keep_environment=keep_environment,
        broken=artifacts.broken,
        unfinished=artifacts.unfinished(),
    )
    return Survey(artifacts, known, places, commits, tuple(absent))


def need_models(surveyed: Survey, root: Path) -> None:
    """Every model has to be on this machine before a step runs.

    Raises:
        InvalidError: naming each that is not, and how to bring it.
    """
    missing: list[Diagnostic] = []
    for model in surveyed.absent:
        try:
            locate_checkpoint(model, root)
        except InvalidError as error:
            missing.append(Diagnostic(code="E751", message=error.message, help=error.help))
    if missing:
        raise InvalidError.of(missing)


def _vet(folder: Path) -> None:
    findings = vet_checkpoint(folder)
    if any(f.severity == "error" for f in findings):
        raise InvalidError.of(findings)


def environment() -> dict[str, str]:
    """The environment class, and the versions of the packages that score."""
    versions = installed_versions()
    return {**environment_class(), **{name: versions.get(name, "absent") for name in SCORING_PACKAGES}}
