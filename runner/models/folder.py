"""The files of a checkpoint folder, each with the real file behind it. Links may lead only into the hub's own cache.

A snapshot in the Hugging Face cache is a folder of symbolic links to `blobs/` beside it, whose entries may be links to
the cache's store of shared blobs (huggingface_hub 2.4, `utils/_shared_blobs.py`). Only those are followed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner.errors import Diagnostic, InvalidError

_SHARED_BLOB = re.compile(r"[0-9a-f]{64}")
MAX_FILES = 4096
MAX_DEPTH = 4


@dataclass(frozen=True)
class Entry:
    """One regular file: its name in the folder (POSIX, relative), where its bytes are, how many."""

    name: str
    path: Path  # no symbolic link
    bytes: int

    @property
    def suffix(self) -> str:
        """The last suffix in lower case: `.safetensors`."""
        return Path(self.name).suffix.lower()


def entries(folder: Path) -> tuple[Entry, ...]:
    """All files of a checkpoint folder but hidden ones, sorted by name.

    Raises:
        InvalidError: it is not a folder, holds too much, a link that leads out, or something that is no file.
    """
    found, findings = scan(folder)
    if findings:
        raise InvalidError.of(findings)
    return found


def scan(folder: Path) -> tuple[tuple[Entry, ...], tuple[Diagnostic, ...]]:
    """As `entries`, with what is wrong as values."""
    if not folder.is_dir():
        return (), (finding("E751", folder, "is not a folder"),)
    blobs = _blobs_of(folder)
    found: list[Entry] = []
    findings: list[Diagnostic] = []
    for name in _names(folder, findings):
        result = _entry(folder, name, blobs)
        if isinstance(result, Entry):
            found.append(result)
        else:
            findings.append(result)
    return tuple(sorted(found, key=lambda e: e.name)), tuple(findings)


def finding(code: str, path: Path, message: str, *, help: str = "") -> Diagnostic:
    """An error about one file or folder of a checkpoint."""
    return Diagnostic(code=code, message=message, path=str(path), help=help)


def _blobs_of(folder: Path) -> Path | None:
    resolved = folder.resolve()
    blobs = resolved.parent.parent / "blobs"
    return blobs if resolved.parent.name == "snapshots" and blobs.is_dir() and not blobs.is_symlink() else None


def _is_shared(real: Path, blobs: Path) -> bool:
    store = blobs.parent.parent / "blobs"
    named = _SHARED_BLOB.fullmatch(real.name) is not None and real.parent.name == real.name[:2]
    return named and real.parent.parent == store


def _names(folder: Path, findings: list[Diagnostic]) -> Iterator[str]:
    count = 0
    todo = [""]
    while todo:
        prefix = todo.pop()
        with os.scandir(folder / prefix) as listing:
            for item in sorted(listing, key=lambda i: i.name):
                if item.name.startswith("."):
                    continue
                count += 1
                name = f"{prefix}{item.name}"
                if count > MAX_FILES or name.count("/") >= MAX_DEPTH:
                    findings.append(finding("E758", folder, f"holds more than {MAX_FILES} files or nests too deep"))
                    return
                if item.is_dir(follow_symlinks=False):
                    todo.append(f"{name}/")
                else:
                    yield name


def _entry(folder: Path, name: str, blobs: Path | None) -> Entry | Diagnostic:
    path = folder / name
    if path.is_symlink():
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return finding("E755", path, "is a symbolic link that leads nowhere", help="fetch the checkpoint again")
        if blobs is None or not (real.parent == blobs or _is_shared(real, blobs)):
            return finding("E755", path, "is a symbolic link that leaves the checkpoint", help="copy the file there")
        path = real
    status = path.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        return finding("E758", path, "is not a regular file")
    return Entry(name=name, path=path, bytes=status.st_size)
