"""What a plan is made from: where models and data lie, their digests, the environment, and what is finished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.errors import InvalidError
from runner.machine.environment import environment_class, installed_versions
from runner.machine.file_digests import FileDigests
from runner.models.digest import digest_checkpoint
from runner.models.locate import locate_checkpoint
from runner.models.vet import vet_checkpoint
from runner.plan.keys import SCORING_PACKAGES
from runner.plan.resolve import Known
from runner.spec.model import Spec
from runner.store.artifacts import Artifacts
from runner.store.sources import digest_dataset


@dataclass(frozen=True)
class Survey:
    """A project as it is at this moment."""

    artifacts: Artifacts
    known: Known
    places: dict[str, Path]  # "checkpoint/qwen", "dataset/images" → folder


def survey(spec: Spec, root: Path, *, force: frozenset[str] = frozenset(), keep_environment: bool = False) -> Survey:
    """Look at models, data, environment and artifacts.

    Raises:
        InvalidError: a model or data set is missing, or a checkpoint folder holds what must not be loaded.
    """
    cache = FileDigests(root)
    places: dict[str, Path] = {}
    digests: dict[str, str] = {}
    for model in spec.models.values():
        folder = locate_checkpoint(model, root).folder
        findings = vet_checkpoint(folder)
        if any(f.severity == "error" for f in findings):
            raise InvalidError.of(findings)
        places[f"checkpoint/{model.id}"] = folder
        digests[f"checkpoint/{model.id}"] = digest_checkpoint(folder, root=root)
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
    )
    return Survey(artifacts, known, places)


def environment() -> dict[str, str]:
    """The environment class, and the versions of the packages that score."""
    versions = installed_versions()
    return {**environment_class(), **{name: versions.get(name, "absent") for name in SCORING_PACKAGES}}
