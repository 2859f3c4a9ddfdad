"""`hub.json` in a data set's folder: from where on the hub its files came, and what they were when they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from runner import files
from runner.errors import InvalidError
from runner.spec.model import DatasetSpec

NAME = "hub.json"


@dataclass(frozen=True)
class Origin:
    """`digests` are those of the files as they came, by name below the folder."""

    source: str
    revision: str
    commit: str
    digests: Mapping[str, str]

    def is_of(self, dataset: DatasetSpec) -> bool:
        """Whether the spec still asks for what came."""
        return (self.source, self.revision) == (dataset.source, revision_of(dataset))


def revision_of(dataset: DatasetSpec) -> str:
    """The revision that a data set of the hub is wanted at."""
    return dataset.revision or "main"


def read_origin(folder: Path) -> Origin | None:
    """What the folder's `hub.json` says; None without one, when its files are whoever put them there.

    Raises:
        InvalidError: it cannot be read, or names files outside the folder.
    """
    path = folder / NAME
    if not path.exists():
        return None
    value = files.read_json(path)
    try:
        digests = {str(name): str(digest) for name, digest in value["files"].items()}
        origin = Origin(str(value["source"]), str(value["revision"]), str(value["commit"]), digests)
    except (AttributeError, KeyError, TypeError) as error:
        raise _unreadable(path) from error
    if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in digests):
        raise _unreadable(path)
    return origin


def write_origin(folder: Path, origin: Origin) -> None:
    """Write `hub.json`."""
    about = {"source": origin.source, "revision": origin.revision, "commit": origin.commit}
    files.write_json(folder / NAME, {**about, "files": dict(origin.digests)})


def _unreadable(path: Path) -> InvalidError:
    return InvalidError(
        f"`{path.parent.name}/{NAME}` does not say from where the files beside it came",
        help="move the folder away and run `lorarun fetch`; without that file, what is there is taken as it is",
    )
