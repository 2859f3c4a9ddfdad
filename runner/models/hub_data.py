"""Files of a data set on the hub: listed at one commit, received whole, and compared with the hub's digests."""

from __future__ import annotations

import hashlib
import http.client
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.errors import InvalidError, ResourceError
from runner.models.download import SPARE_BYTES
from runner.models.hub import ATTEMPTS, Hub, HubError, Listing, RemoteFile
from runner.models.hub_settings import DATA_OFFLINE, endpoint, offline_by, token
from runner.samples.hub_id import is_hub_id

_REVISION = re.compile(r"\w[\w.\-/]{0,199}")
_HELP = {
    "auth": "accept the data set's terms on its page, then set HF_TOKEN or run `hf auth login`",
    "missing": "see that id and revision are spelt as on the hub",
    "network": "try again where there is a network; HTTPS_PROXY and HF_ENDPOINT are honoured",
    "digest": "try again; if it happens twice, a proxy on the way changes files",
}

Choose = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class HubFiles:
    """What came: the commit, and the files' names below the folder."""

    commit: str
    names: tuple[str, ...]


def look_up(hub_id: str, revision: str) -> Listing:
    """The files of a data set at a revision, with their sizes and digests.

    Raises:
        InvalidError: offline, refused, or missing.
    """
    with _told(hub_id):
        return _hub(hub_id, revision).listing(hub_id, revision)


def receive(hub_id: str, commit: str, wanted: Sequence[RemoteFile], folder: Path) -> None:
    """Receive files at a commit into a folder that has none of them.

    Raises:
        InvalidError: offline, refused, or broken off.
        ResourceError: not enough disk.
    """
    hub = _hub(hub_id, commit)
    _must_fit(sum(f.bytes for f in wanted), folder)
    with _told(hub_id):
        for file in wanted:
            _receive(hub, hub_id, commit, file, folder)


def is_same(path: Path, file: RemoteFile) -> bool:
    """Whether the file here has the bytes of the hub's."""
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    hasher = _hasher(file)
    with path.open("rb") as f:
        while block := f.read(2**20):
            hasher.update(block)
    return hasher.hexdigest() == file.blob


def fetch_files(hub_id: str, revision: str, folder: Path, choose: Choose) -> HubFiles:
    """Receive the files that `choose` picks of a data set's names.

    Raises:
        InvalidError: offline, refused, missing, or broken off.
        ResourceError: not enough disk.
    """
    listing = look_up(hub_id, revision)
    picked = {name for names in choose([f.name for f in listing.files]).values() for name in names}
    wanted = [f for f in listing.files if f.name in picked]
    receive(hub_id, listing.commit, wanted, folder)
    return HubFiles(listing.commit, tuple(f.name for f in wanted))


def _hub(hub_id: str, revision: str) -> Hub:
    if not is_hub_id(hub_id) or not _REVISION.fullmatch(revision) or ".." in revision:
        raise InvalidError(f"`{hub_id[:80]}` at `{revision[:80]}` is no data set", help="write `hf:owner/name`")
    if forbidden := offline_by(DATA_OFFLINE):
        raise InvalidError(f"{forbidden} forbids fetching `{hub_id}`", help="unset it, or import a local copy")
    return Hub(endpoint=endpoint(), token=token(), kind="datasets")


@contextmanager
def _told(hub_id: str) -> Iterator[None]:
    try:
        yield
    except HubError as error:
        raise InvalidError(f"`{hub_id}`: {error.message}", help=_HELP.get(error.kind, "")) from error


def _hasher(file: RemoteFile) -> hashlib._Hash:
    return hashlib.sha256() if len(file.blob) == 64 else hashlib.sha1(b"blob %d\0" % file.bytes)


def _must_fit(size: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    # The rows are written out a second time, and Parquet is packed.
    if 4 * size + SPARE_BYTES > free:
        raise ResourceError(f"{size / 1e9:.1f} GB are to come, and {free / 1e9:.1f} GB are free", help="free some disk")


def _receive(hub: Hub, hub_id: str, commit: str, file: RemoteFile, folder: Path) -> None:
    path = folder / file.name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise HubError("missing", f"`{file.name[:80]}` is no name for a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    hasher = _hasher(file)
    with path.open("xb") as f:
        for attempt in range(ATTEMPTS):
            try:
                for block in hub.blocks(hub_id, commit, file, f.tell()):
                    f.write(block)
                    hasher.update(block)
                break
            except (OSError, http.client.HTTPException) as error:
                if attempt == ATTEMPTS - 1:
                    raise HubError("network", f"`{file.name}` broke off at {f.tell():,} bytes") from error
    if hasher.hexdigest() != file.blob:
        raise HubError("digest", f"`{file.name}` is not what the hub says it is")
