"""Data sets that a spec names on the hub (`source: hf:owner/name`): their files brought into the project."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.canonical import digest_file
from runner.errors import Diagnostic, InvalidError
from runner.models.hub import RemoteFile
from runner.models.hub_data import is_same, look_up, receive
from runner.models.hub_settings import DATA_OFFLINE, offline_by
from runner.run.journal import Listener
from runner.samples.hub_id import HUB_PREFIX
from runner.spec.model import DatasetSpec, Spec
from runner.store.hub_origin import Origin, read_origin, revision_of, write_origin


def absent(spec: Spec, root: Path) -> tuple[DatasetSpec, ...]:
    """The data sets on the hub of which a split is not in the project, or is of another source or revision.

    Raises:
        InvalidError: a `hub.json` cannot be read.
    """
    return tuple(d for d in _on_hub(spec) if _is_other(d, root) or _parts_absent(d, root))


def bring_data(spec: Spec, root: Path, emit: Listener, *, offline: bool = False, update: bool = False) -> None:
    """Fetch the splits of every data set that `absent` names, at its `revision`, into its folder.

    Of a data set that is here in part only what is absent comes, at the commit of the rest. Where the source or the
    revision is another than what came, or with `update` the revision's newest commit, its files are replaced, except
    where one was edited: then nothing is. Each file is compared with the hub's digest; all of a data set come, or none.

    Raises:
        InvalidError: offline, with every data set that is missing; or the hub refuses, or has no such file; or a file
            that would be replaced was edited.
        ResourceError: they do not fit on the disk.
    """
    wanted = _on_hub(spec) if update else absent(spec, root)
    if wanted and (forbidden := "`--offline`" if offline else offline_by(DATA_OFFLINE)):
        raise InvalidError.of([_forbidden(dataset, root, forbidden) for dataset in wanted])
    for dataset in wanted:
        _bring(dataset, root, emit, renew=update or _is_other(dataset, root))


def _on_hub(spec: Spec) -> tuple[DatasetSpec, ...]:
    return tuple(d for d in spec.datasets.values() if d.source.startswith(HUB_PREFIX))


def _parts_absent(dataset: DatasetSpec, root: Path) -> list[str]:
    return [part for part in dataset.splits.values() if not (root / dataset.path / part).exists()]


def _is_other(dataset: DatasetSpec, root: Path) -> bool:
    origin = read_origin(root / dataset.path)
    return origin is not None and not origin.is_of(dataset)


def _forbidden(dataset: DatasetSpec, root: Path, by: str) -> Diagnostic:
    names = ", ".join(f"`{dataset.path}/{name}`" for name in _parts_absent(dataset, root))
    missing = f"{names or 'the newest commit'} of `{dataset.source}` is not here"
    if _is_other(dataset, root) and (origin := read_origin(root / dataset.path)):
        came = f"`{origin.source[:200]}` at `{origin.revision[:80]}`"
        missing = f"`{dataset.path}` holds {came}, not `{dataset.source}` at `{revision_of(dataset)}`"
    return Diagnostic(
        "E401",
        f"data set `{dataset.id}`: {missing}, and {by} forbids to fetch it",
        help="copy it there from a machine that has it, or run `lorarun fetch` where there is a network",
    )


def _bring(dataset: DatasetSpec, root: Path, emit: Listener, *, renew: bool) -> None:
    folder = root / dataset.path
    origin = read_origin(folder)
    known = dict(origin.digests) if origin else {}
    hub_id = dataset.source.removeprefix(HUB_PREFIX)
    listing = look_up(hub_id, origin.commit if origin and not renew else revision_of(dataset))
    there = {file.name: file for file in listing.files}
    chosen = _of_splits(dataset, list(there))
    names = sorted({name for found in chosen.values() for name in found})
    stale: list[str] = []
    if renew:
        coming = [name for name in names if not is_same(folder / name, there[name])]
        stale = sorted(set(known) - set(names))
        _refuse_edited(dataset, folder, known, [*coming, *stale])
    else:
        lost = _parts_absent(dataset, root)
        of_lost = {name for split, found in chosen.items() if dataset.splits[split] in lost for name in found}
        coming = sorted(name for name in of_lost if not (folder / name).exists())
    about = {"dataset": dataset.id, "commit": listing.commit}
    total = sum(there[name].bytes for name in coming)
    text = f"{len(coming)} files of {dataset.source} at {listing.commit[:12]}"
    said = f"data set `{dataset.id}`: {text} are to come, {total / 1e6:.1f} MB"
    emit({"event": "fetch_data", **about, "files": len(coming), "total": total, "text": said})
    _receive_into(folder, hub_id, listing.commit, [there[name] for name in coming])
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    fresh = names if renew else coming
    digests = {**({} if renew else known), **{name: digest_file(folder / name) for name in fresh}}
    write_origin(folder, Origin(dataset.source, revision_of(dataset), listing.commit, dict(sorted(digests.items()))))
    emit({"event": "fetched_data", **about, "text": f"data set `{dataset.id}`: {text} came"})


def _refuse_edited(dataset: DatasetSpec, folder: Path, known: Mapping[str, str], names: Sequence[str]) -> None:
    """Refuse to replace or remove files that are not as they came."""
    here = [name for name in names if (folder / name).exists()]
    edited = [name for name in here if not (folder / name).is_file() or digest_file(folder / name) != known.get(name)]
    if edited:
        shown = ", ".join(f"`{dataset.path}/{name[:200]}`" for name in edited[:10])
        raise InvalidError(
            f"data set `{dataset.id}`: {shown} is not as it came from the hub, and `{dataset.source}` at "
            f"`{revision_of(dataset)}` would replace it",
            help="move it away to have the hub's; to keep it, leave `source` and `revision` out of the data set",
        )


def _receive_into(folder: Path, hub_id: str, commit: str, wanted: Sequence[RemoteFile]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Beside the folder, so that what came whole is renamed into it.
    work = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder.parent))
    try:
        receive(hub_id, commit, wanted, work)
        for file in wanted:
            (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
            (work / file.name).replace(folder / file.name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _of_splits(dataset: DatasetSpec, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The files of each split: the one it names, or all below the folder it names."""
    chosen = {s: [n for n in names if n == part or n.startswith(f"{part}/")] for s, part in dataset.splits.items()}
    for split, found in chosen.items():
        if not found:
            shown = ", ".join(f"`{n[:80]}`" for n in sorted(names)[:10])
            message = f"`{dataset.source}` has no `{dataset.splits[split][:200]}`, the {split} split of `{dataset.id}`"
            raise InvalidError(message, help=f"it has {shown or 'no files'}")
    return chosen
