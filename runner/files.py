"""The one module of durable writes and of bounded, symlink-safe reads.

A file written here is complete under its final name or is not there: temporary file beside the target, write,
fsync, rename, fsync of the folder. A file read here is a regular file, no larger than the caller allows.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner.errors import IntegrityError, InvalidError, ResourceError

MAX_TEXT_BYTES = 64 * 2**20
_OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
_TEMPORARY = re.compile(r"\.[0-9a-f]{24}\.tmp")


def fsync(descriptor: int) -> None:
    """Flush to the medium. macOS's fsync stops at the drive's cache, so F_FULLFSYNC is asked for there."""
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError:  # some file systems (network shares) do not know it
            pass
    os.fsync(descriptor)


def fsync_folder(folder: Path) -> None:
    """Make the folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` durably under `path`, replacing what is there.

    Raises:
        ResourceError: the disk is full; no partial file is left under any final name.
    """
    _write(path, data, lambda temporary: temporary.rename(path))


def add_bytes(path: Path, data: bytes) -> None:
    """Write `data` durably under `path`, where nothing may be yet.

    Raises:
        FileExistsError: something is there; it is left as it is.
        ResourceError: the disk is full; no partial file is left under any final name.
    """
    _write(path, data, lambda temporary: _link(temporary, path))


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        temporary.rename(path)
        return
    temporary.unlink()


def is_temporary(path: Path) -> bool:
    """Whether this is the unfinished file of a writer that was killed."""
    return _TEMPORARY.fullmatch(path.name) is not None


def _write(path: Path, data: bytes, commit: Callable[[Path], object]) -> None:
    # Its own short name: the final one may be 255 bytes long already.
    temporary = path.with_name(f".{secrets.token_hex(12)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        try:
            with os.fdopen(descriptor, "wb") as f:
                f.write(data)
                f.flush()
                fsync(f.fileno())
            commit(temporary)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        fsync_folder(path.parent)
    except OSError as error:
        if error.errno in _OUT_OF_SPACE:
            raise ResourceError(
                f"no space left to write `{path}`", help="free some disk space and run again"
            ) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text durably."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented, key-sorted UTF-8 JSON, durably. NaN and infinities are refused."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n")


def commit_folder(temporary: Path, final: Path) -> None:
    """Make a finished folder visible under its final name: fsync of everything in it, then one rename.

    Raises:
        FileExistsError: `final` is there already and not empty.
    """
    for path in sorted(temporary.rglob("*")):
        if path.is_file() and not path.is_symlink():
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fsync(descriptor)
            finally:
                os.close(descriptor)
    for path in [p for p in sorted(temporary.rglob("*")) if p.is_dir()]:
        fsync_folder(path)
    fsync_folder(temporary)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary.rename(final)
    fsync_folder(final.parent)


def read_bytes(path: Path, *, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """The bytes of a regular file of at most `max_bytes`; the last path part may not be a symbolic link.

    Raises:
        InvalidError: missing, not a regular file, a symbolic link, unreadable, or too large.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = "is a symbolic link" if error.errno == errno.ELOOP else (error.strerror or "cannot be read").lower()
        raise InvalidError(f"`{path}`: {reason}") from error
    with os.fdopen(descriptor, "rb") as f:
        status = os.fstat(f.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InvalidError(f"`{path}` is not a regular file")
        data = f.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise InvalidError(f"`{path}` is larger than {max_bytes:,} bytes")
    return data


def read_text(path: Path, *, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """UTF-8 text of a regular file, without a byte order mark.

    Raises:
        InvalidError: as `read_bytes`, or not UTF-8.
    """
    try:
        return read_bytes(path, max_bytes=max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError(f"`{path}` is not UTF-8 (byte {error.start})", help="save it as UTF-8") from error


def read_json(path: Path, *, max_bytes: int = MAX_TEXT_BYTES) -> Any:
    """A JSON value from a file that lorarun wrote.

    Raises:
        InvalidError: as `read_text`.
        IntegrityError: it is not JSON, so somebody changed it.
    """
    try:
        return json.loads(read_text(path, max_bytes=max_bytes))
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"`{path}` is not valid JSON: {error}") from error
