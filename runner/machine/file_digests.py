"""Digests of large files, remembered between runs as long as a file keeps its size, times and inode.

They lie in `artifacts/.digests.json`. That file is a cache: removing it costs time only.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from runner.canonical import digest_file
from runner.errors import IntegrityError, InvalidError
from runner.files import read_json, write_json

CACHE_PATH = "artifacts/.digests.json"
# A file that changed this shortly before it was digested may change again within its time stamp's resolution.
_SETTLED_NANOSECONDS = 2 * 10**9


class FileDigests:
    """Digests of files' bytes. Without a project's `root` nothing is remembered."""

    def __init__(self, root: Path | None = None) -> None:
        self._path = root / CACHE_PATH if root else None
        self._known = _read(self._path)
        self._fresh: dict[str, Any] = {}

    def digest(self, path: Path) -> str:
        """Digest of a file's bytes, read only where it is not known yet."""
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        key = str(path.resolve())
        row = self._known.get(key)
        if isinstance(row, dict) and row.get("stamp") == stamp and isinstance(row.get("digest"), str):
            return str(row["digest"])
        digest = digest_file(path)
        if time.time_ns() - status.st_mtime_ns > _SETTLED_NANOSECONDS:
            self._fresh[key] = {"stamp": stamp, "digest": digest}
        return digest

    def save(self) -> None:
        """Remember what was learnt, beside what others learnt meanwhile."""
        if self._path and self._fresh:
            write_json(self._path, {**_read(self._path), **self._fresh})
            self._known |= self._fresh
            self._fresh = {}


def _read(path: Path | None) -> dict[str, Any]:
    if path is None or not path.exists():
        return {}
    try:
        value = read_json(path)
    except (InvalidError, IntegrityError):  # a cache that cannot be read is an empty one
        return {}
    return value if isinstance(value, dict) else {}
