"""The child that fetches one checkpoint into the hub cache: `python -m runner.models.download ID REVISION CACHE`.

With `--list` it only says what there is to fetch. It alone sees the token and the proxy. Says what it does as JSON
lines on stdout. An interrupted fetch goes on where it stopped, every file is checked against the hub's digest, and
config.json comes last, so that a checkpoint without its weights is not taken for one.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.files import fsync, fsync_folder, write_text
from runner.models.hub import ATTEMPTS, Hub, HubError, Listing, RemoteFile
from runner.models.hub_settings import endpoint, folder_name, token

SPARE_BYTES = 10**9  # left free on the disk
_NEEDED = frozenset(
    {
        *("config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"),
        *("video_preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
        *("added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja"),
        *("chat_template.json", "model.safetensors.index.json"),
    }
)
_SECONDS_BETWEEN_EVENTS = 0.2


@dataclass(frozen=True)
class Place:
    """Where a repository lies in the cache, as huggingface_hub lays it out."""

    repository: Path
    commit: str

    @property
    def snapshot(self) -> Path:
        return self.repository / "snapshots" / self.commit

    def blob(self, file: RemoteFile) -> Path:
        return self.repository / "blobs" / file.blob

    def is_here(self, file: RemoteFile) -> bool:
        """Whether the blob is complete; links into the cache's shared store count."""
        path = self.blob(file)
        return path.is_file() and path.stat().st_size == file.bytes


def needed(listing: Listing) -> tuple[RemoteFile, ...]:
    """The files that the packages read, smallest first and config.json last. No code, no other weight format.

    Raises:
        HubError: there are no safetensors.
    """
    files = [f for f in listing.files if "/" not in f.name and (f.name in _NEEDED or _is_weights(f.name))]
    if not any(_is_weights(f.name) for f in files):
        others = sorted({Path(f.name).suffix for f in listing.files if f.bytes > 10**6})
        raise HubError("format", f"the repository has no safetensors at its top (large files: {', '.join(others)})")
    return tuple(sorted(files, key=lambda f: (f.name == "config.json", f.bytes, f.name)))


def _is_weights(name: str) -> bool:
    return name.endswith(".safetensors") and not name.startswith(("consolidated", "adapter", "."))


def resolve(hub: Hub, hub_id: str, revision: str, cache: Path) -> tuple[Place, tuple[RemoteFile, ...], int]:
    """Where a checkpoint will lie, its files, and the bytes of them that are missing; says them. Writes nothing.

    Raises:
        HubError: the hub refuses or does not answer, or there are no safetensors.
    """
    listing = hub.listing(hub_id, revision)
    files = needed(listing)
    place = Place(cache / folder_name(hub_id), listing.commit)
    missing = sum(f.bytes - _received(place, f) for f in files if not place.is_here(f))
    say("resolved", commit=listing.commit, files=len(files), total=sum(f.bytes for f in files), missing=missing)
    return place, files, missing


def download(hub: Hub, hub_id: str, revision: str, cache: Path) -> Path:
    """Fetch what is missing of a checkpoint; returns its snapshot folder.

    Raises:
        HubError: the hub refuses, does not answer, or sends other bytes than it names; `disk` for a lack of space.
    """
    place, files, missing = resolve(hub, hub_id, revision, cache)
    (place.repository / "blobs").mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place.repository).free
    if missing + SPARE_BYTES > free:
        raise HubError("disk", f"{missing / 1e9:.1f} GB are to come and {free / 1e9:.1f} GB are free at {cache}")
    for file in files:
        if not place.is_here(file):
            say("begin", file=file.name, done=_received(place, file), total=file.bytes)
            _fetch(hub, hub_id, place, file)
        _link(place, file)
    if revision != place.commit:
        write_text(place.repository / "refs" / revision, place.commit)
    return place.snapshot


def _received(place: Place, file: RemoteFile) -> int:
    path = place.blob(file).with_suffix(".lorarun")
    return min(path.stat().st_size, file.bytes) if path.is_file() else 0


def _fetch(hub: Hub, hub_id: str, place: Place, file: RemoteFile) -> None:
    path = place.blob(file).with_suffix(".lorarun")
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+b") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HubError("busy", f"another process is fetching `{file.name}`") from None
        if place.is_here(file):
            return
        for attempt in range(2):
            _receive(hub, hub_id, place.commit, file, f)
            if _digest(f, file) == file.blob:
                break
            f.truncate(0)
            if attempt:
                raise HubError("digest", f"`{file.name}` is not what the hub says it is")
        fsync(f.fileno())
        path.rename(place.blob(file))
    fsync_folder(path.parent)


def _receive(hub: Hub, hub_id: str, commit: str, file: RemoteFile, f: BinaryIO) -> None:
    done = f.seek(0, os.SEEK_END)
    if done > file.bytes:
        done = f.seek(0)
        f.truncate()
    said = failures = 0
    last = 0.0
    while done < file.bytes:
        try:
            for block in hub.blocks(hub_id, commit, file, done):
                f.write(block)
                done += len(block)
                if time.monotonic() - last > _SECONDS_BETWEEN_EVENTS:
                    last = time.monotonic()
                    say("progress", file=file.name, done=done, total=file.bytes)
        except (OSError, http.client.HTTPException) as error:
            failures = failures + 1 if done == said else 1
            said = done
            if failures >= ATTEMPTS:
                raise HubError("network", f"`{file.name}` broke off at {done:,} of {file.bytes:,} bytes") from error
            time.sleep(0.1 * 2**failures)
    say("progress", file=file.name, done=done, total=file.bytes)


def _digest(f: BinaryIO, file: RemoteFile) -> str:
    """SHA-256 of the bytes, or git's SHA-1 of a blob where the hub names that."""
    hasher = hashlib.sha256() if len(file.blob) == 64 else hashlib.sha1(b"blob %d\0" % file.bytes)
    f.seek(0)
    while block := f.read(2**20):
        hasher.update(block)
    return hasher.hexdigest()


def _link(place: Place, file: RemoteFile) -> None:
    path = place.snapshot / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (path.is_symlink() and path.resolve() == place.blob(file).resolve()):
        path.unlink(missing_ok=True)
        path.symlink_to(Path("../../blobs") / file.blob)


def say(event: str, **values: str | int) -> None:
    """One JSON line on stdout."""
    print(json.dumps({"event": event, **values}), flush=True)  # noqa: T201 -- the parent reads it


def main(arguments: list[str]) -> int:
    """Fetch and say how it ended; 0 for a complete checkpoint."""
    hub_id, revision, cache, *only_list = arguments
    hub = Hub(endpoint=endpoint(), token=token())
    act = resolve if only_list else download
    try:
        act(hub, hub_id, revision, Path(cache))
    except HubError as error:
        say("failed", kind=error.kind, message=error.message)
        return 1
    except BrokenPipeError:  # who asked is gone; what came stays
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    say("done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
