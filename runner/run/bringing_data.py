"""Data sets that a spec names on the hub (`source: hf:owner/name`): their files brought into the project."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner import files
from runner.errors import Diagnostic, InvalidError
from runner.models.fetch import offline_by
from runner.models.hub_data import fetch_files
from runner.run.journal import Listener
from runner.spec.model import DatasetSpec, Spec

HUB_PREFIX = "hf:"
ORIGIN = "hub.json"  # in the data set's folder: what came, and from where


def absent(spec: Spec, root: Path) -> tuple[DatasetSpec, ...]:
    """The data sets on the hub of which a split is not in the project."""
    named = [d for d in spec.datasets.values() if d.source.startswith(HUB_PREFIX)]
    return tuple(d for d in named if not all((root / d.path / name).exists() for name in d.splits.values()))


def bring_data(spec: Spec, root: Path, emit: Listener, *, offline: bool = False) -> None:
    """Fetch the splits of every data set that `absent` names, at its `revision`, into its folder.

    Each file is compared with the hub's digest; all files of a data set come, or none.

    Raises:
        InvalidError: offline, with every data set that is missing; or the hub refuses, or has no such file.
        ResourceError: they do not fit on the disk.
    """
    missing = absent(spec, root)
    if missing and (forbidden := "`--offline`" if offline else offline_by()):
        raise InvalidError.of([_forbidden(dataset, root, forbidden) for dataset in missing])
    for dataset in missing:
        _bring(dataset, root, emit)


def _forbidden(dataset: DatasetSpec, root: Path, by: str) -> Diagnostic:
    names = [f"`{dataset.path}/{n}`" for n in dataset.splits.values() if not (root / dataset.path / n).exists()]
    return Diagnostic(
        "E401",
        f"data set `{dataset.id}`: {', '.join(names)} of `{dataset.source}` is not here, and {by} forbids to fetch it",
        help="copy it there from a machine that has it, or run `lorarun fetch` where there is a network",
    )


def _bring(dataset: DatasetSpec, root: Path, emit: Listener) -> None:
    folder = root / dataset.path
    folder.parent.mkdir(parents=True, exist_ok=True)
    hub_id, revision = dataset.source.removeprefix(HUB_PREFIX), dataset.revision or "main"
    # Beside the folder, so that what came whole is renamed into it.
    work = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder.parent))
    try:
        came = fetch_files(hub_id, revision, work, lambda names: _of_splits(dataset, names))
        for name in came.names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).replace(folder / name)
        origin = {"source": dataset.source, "revision": revision, "commit": came.commit, "files": sorted(came.names)}
        files.write_json(folder / ORIGIN, origin)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    text = f"data set `{dataset.id}`: {len(came.names)} files of {dataset.source} at {came.commit[:12]}"
    emit({"event": "fetched_data", "dataset": dataset.id, "commit": came.commit, "text": text})


def _of_splits(dataset: DatasetSpec, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The files of each split: the one it names, or all below the folder it names."""
    chosen = {s: [n for n in names if n == part or n.startswith(f"{part}/")] for s, part in dataset.splits.items()}
    for split, found in chosen.items():
        if not found:
            shown = ", ".join(f"`{n[:80]}`" for n in sorted(names)[:10])
            message = f"`{dataset.source}` has no `{dataset.splits[split][:200]}`, the {split} split of `{dataset.id}`"
            raise InvalidError(message, help=f"it has {shown or 'no files'}")
    return chosen
