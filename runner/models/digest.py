"""The digest of a checkpoint: everything in its folder that changes what the model computes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from runner.canonical import digest_file, digest_value
from runner.errors import IntegrityError, InvalidError
from runner.files import read_json, write_json
from runner.models.folder import Entry, entries

CACHE_PATH = "artifacts/.digests.json"
_READ_BY_PACKAGES = frozenset({".json", ".jinja", ".txt", ".model", ".tiktoken", ".safetensors"})
# A file that changed this shortly before it was digested may change again within its time stamp's resolution.
_SETTLED_NANOSECONDS = 2 * 10**9


def digest_checkpoint(folder: Path, *, root: Path | None = None) -> str:
    """Digest of names and bytes of config, tokenizer, chat template and weights.

    With a project's `root`, digests of files that kept size and time are taken from `artifacts/.digests.json`.

    Raises:
        InvalidError: the folder holds links that lead out, or what is no file.
    """
    cache_path = root / CACHE_PATH if root else None
    known = _read_cache(cache_path)
    fresh: dict[str, Any] = {}
    files = {e.name: _digest(e, known, fresh) for e in entries(folder) if e.suffix in _READ_BY_PACKAGES}
    if cache_path and fresh:
        write_json(cache_path, {**_read_cache(cache_path), **fresh})
    return digest_value(files)


def _digest(entry: Entry, known: dict[str, Any], fresh: dict[str, Any]) -> str:
    status = entry.path.stat()
    stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
    key = str(entry.path.resolve())
    row = known.get(key)
    if isinstance(row, dict) and row.get("stamp") == stamp and isinstance(row.get("digest"), str):
        return str(row["digest"])
    digest = digest_file(entry.path)
    if time.time_ns() - status.st_mtime_ns > _SETTLED_NANOSECONDS:
        fresh[key] = {"stamp": stamp, "digest": digest}
    return digest


def _read_cache(path: Path | None) -> dict[str, Any]:
    if path is None or not path.exists():
        return {}
    try:
        value = read_json(path)
    except (InvalidError, IntegrityError):  # a cache that cannot be read is an empty one
        return {}
    return value if isinstance(value, dict) else {}
