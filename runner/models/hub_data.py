"""Files of a data set on the hub: listed at one commit, received whole, and compared with the hub's digests."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.errors import InvalidError, ResourceError
from runner.models.download import DEFAULT_ENDPOINT, SPARE_BYTES, token
from runner.models.hub import ATTEMPTS, Hub, HubError, RemoteFile

_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_REVISION = re.compile(r"\w[\w.\-/]{0,199}")
_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
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


def fetch_files(hub_id: str, revision: str, folder: Path, choose: Choose) -> HubFiles:
    """Receive the files that `choose` picks of a data set's names.

    Raises:
        InvalidError: offline, refused, missing, or broken off.
        ResourceError: not enough disk.
    """
    if not _ID.fullmatch(hub_id) or not _REVISION.fullmatch(revision) or ".." in revision:
        raise InvalidError(f"`{hub_id[:80]}` at `{revision[:80]}` is no data set", help="write `hf:owner/name`")
    if any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in _OFFLINE):
        raise InvalidError(f"HF_HUB_OFFLINE forbids fetching `{hub_id}`", help="unset it, or import a local copy")
    endpoint = (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
    hub = Hub(endpoint=endpoint, token=token(), kind="datasets")
    try:
        listing = hub.listing(hub_id, revision)
        picked = {name for names in choose([f.name for f in listing.files]).values() for name in names}
        files = [f for f in listing.files if f.name in picked]
        _must_fit(sum(f.bytes for f in files), folder)
        for file in files:
            _receive(hub, hub_id, listing.commit, file, folder)
    except HubError as error:
        raise InvalidError(f"`{hub_id}`: {error.message}", help=_HELP.get(error.kind, "")) from error
    return HubFiles(listing.commit, tuple(f.name for f in files))


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
    hasher = hashlib.sha256() if len(file.blob) == 64 else hashlib.sha1(b"blob %d\0" % file.bytes)
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
