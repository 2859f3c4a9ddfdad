"""The one module of durable writes and of bounded, symlink-safe reads.

A file written here is complete under its final name or is not there: temporary file beside the target, write,
fsync, link or rename, fsync of the folder. A file read here is a regular file, no larger than the caller allows, and
where a root is given, no part of its path below that root is a symbolic link.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from runner.canonical import json_text
from runner.errors import IntegrityError, InvalidError, ResourceError

MAX_TEXT_BYTES = 64 * 2**20
BLOCK_BYTES = 2**20  # of one write call
OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
_TEMPORARY = re.compile(r"\.[0-9a-f]{24}\.tmp")

Observer = Callable[[str, Path, "bytes | Path | None"], None]


def _unobserved(operation: str, path: Path, detail: bytes | Path | None) -> None:
    pass


# Called before each operation that changes the disk; tests make the n-th one fail, or kill the process there.
observe: Observer = _unobserved


def write_bytes(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write `data`, whole or piece by piece, durably under `path`, replacing the file that is there.

    Raises:
        InvalidError: a device, a pipe or a socket is there: root could replace `/dev/null`.
        ResourceError: the disk is full; no partial file is left under any final name.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InvalidError(f"`{path}` is not a regular file, and is left as it is")
    _write(path, (data,) if isinstance(data, bytes) else data, _rename)


def add_bytes(path: Path, data: bytes) -> None:
    """Write `data` durably under `path`, where nothing may be yet.

    Raises:
        FileExistsError: something is there; it is left as it is.
        ResourceError: the disk is full; no partial file is left under any final name.
    """
    _write(path, (data,), _link)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text durably."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented, key-sorted UTF-8 JSON, durably. NaN and infinities are refused."""
    write_text(path, json_text(value))


def commit_folder(temporary: Path, final: Path) -> None:
    """Make a finished folder visible under its final name: fsync of everything in it, then one rename.

    Raises:
        FileExistsError: `final` is there already and not empty.
        ResourceError: the disk is full.
    """
    with _space_for(final):
        for path in sorted(temporary.rglob("*")):
            if path.is_file() and not path.is_symlink():
                _sync_file(path)
        for path in [p for p in sorted(temporary.rglob("*")) if p.is_dir()]:
            fsync_folder(path)
        fsync_folder(temporary)
        make_folder(final.parent)
        try:
            _rename(temporary, final)
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final)) from error
            raise
        fsync_folder(final.parent)


def move_folder(folder: Path, target: Path) -> None:
    """Give a folder another name, where nothing is yet, durably."""
    with _space_for(target):
        make_folder(target.parent)
        _rename(folder, target)
        fsync_folder(target.parent)
        fsync_folder(folder.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durable in its parent."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        observe("mkdir", path, None)
        path.mkdir(exist_ok=True)
        fsync_folder(path.parent)


def is_temporary(path: Path) -> bool:
    """Whether this is the unfinished file of a writer that was killed."""
    return _TEMPORARY.fullmatch(path.name) is not None


def is_debris(path: Path) -> bool:
    """Whether this is what macOS's Finder leaves in folders that it shows or copies; it belongs to nothing."""
    return path.name == ".DS_Store" or path.name.startswith("._")


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
    observe("fsync-folder", folder, None)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, blocks: Iterable[bytes], commit: Callable[[Path, Path], None]) -> None:
    # Its own short name: the final one may be 255 bytes long already.
    temporary = path.with_name(f".{secrets.token_hex(12)}.tmp")
    with _space_for(path):
        make_folder(path.parent)
        try:
            _write_new(temporary, blocks)
            commit(temporary, path)
        except (Exception, KeyboardInterrupt):
            # What a killed process leaves has a name that readers pass over.
            with contextlib.suppress(OSError):
                _unlink(temporary)
            raise
        fsync_folder(path.parent)


def _write_new(path: Path, blocks: Iterable[bytes]) -> None:
    observe("create", path, None)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        for block in blocks:
            left = memoryview(block)
            while left:
                observe("write", path, bytes(left[:BLOCK_BYTES]))
                left = left[os.write(descriptor, left[:BLOCK_BYTES]) :]
        observe("fsync", path, None)
        fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: Path) -> None:
    observe("fsync", path, None)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(temporary: Path, path: Path) -> None:
    observe("rename", temporary, path)
    temporary.rename(path)


def _link(temporary: Path, path: Path) -> None:
    observe("link", temporary, path)
    try:
        os.link(temporary, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        _rename(temporary, path)
        return
    _unlink(temporary)


def _unlink(path: Path) -> None:
    observe("unlink", path, None)
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def _space_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            raise ResourceError(
                f"no space left to write `{path}`", help="free some disk space and run again"
            ) from error
        raise


def read_bytes(path: Path, *, max_bytes: int = MAX_TEXT_BYTES, root: Path | None = None) -> bytes:
    """The bytes of a regular file of at most `max_bytes`.

    Raises:
        InvalidError: as `open_regular`, or too large.
    """
    with open_regular(path, root=root) as f:
        size = os.fstat(f.fileno()).st_size
        if size > max_bytes:
            raise InvalidError(f"`{path}` is larger than {max_bytes:,} bytes")
        try:
            data = f.read(size + 1)  # a buffer of `max_bytes` would be made whole, however small the file
            if len(data) > size:  # it is growing
                data += f.read(max_bytes + 1 - len(data))
        except OSError as error:
            raise InvalidError(f"`{path}`: {(error.strerror or 'cannot be read').lower()}") from error
    if len(data) > max_bytes:
        raise InvalidError(f"`{path}` is larger than {max_bytes:,} bytes")
    return data


@contextlib.contextmanager
def open_regular(path: Path, *, root: Path | None = None) -> Iterator[BinaryIO]:
    """A regular file, opened for reading in pieces.

    No part of the path below `root` may be a symbolic link; without `root`, the last part.

    Raises:
        InvalidError: missing, not a regular file, a symbolic link, unreadable, or outside of `root`.
    """
    with _open(path, root) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidError(f"`{path}` is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as f:
            yield f


def is_regular(path: Path, *, root: Path) -> bool:
    """Whether `open_regular` opens it."""
    try:
        with open_regular(path, root=root):
            return True
    except InvalidError:
        return False


def check_folder(folder: Path, *, root: Path) -> None:
    """See that a folder is one and is reached without a symbolic link, so that files in it can be read by name.

    Raises:
        InvalidError: as `open_regular`.
    """
    with _open(folder, root) as descriptor:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise InvalidError(f"`{folder}` is not a folder")


@contextlib.contextmanager
def _open(path: Path, root: Path | None) -> Iterator[int]:
    """A descriptor of `path`, opened part by part below `root`."""
    folder, parts = (path.parent, (path.name,)) if root is None else (root, _parts_below(path, root))
    held: list[int] = []
    try:
        held.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        for part in parts[:-1]:
            held.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held[-1]))
        # Opening a FIFO must not wait for its writer.
        held.append(os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=held[-1]))
    except (OSError, ValueError) as error:
        for descriptor in held:
            os.close(descriptor)
        raise InvalidError(f"`{path}`: {_why(error)}") from error
    try:
        yield held[-1]
    finally:
        for descriptor in held:
            os.close(descriptor)


def _parts_below(path: Path, root: Path) -> tuple[str, ...]:
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    if not parts or ".." in parts:
        raise InvalidError(f"`{path}` is outside of the project")
    return parts


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return "is not a possible file name"
    # Linux says ELOOP for the last part and ENOTDIR for a folder; macOS says ELOOP for both.
    if error.errno == errno.ELOOP:
        return "is a symbolic link"
    if error.errno == errno.ENOTDIR:
        return "a part of its path is not a folder, or is a symbolic link"
    return (error.strerror or "cannot be read").lower()


def read_text(path: Path, *, max_bytes: int = MAX_TEXT_BYTES, root: Path | None = None) -> str:
    """UTF-8 text of a regular file, without a byte order mark.

    Raises:
        InvalidError: as `read_bytes`, or not UTF-8.
    """
    try:
        return read_bytes(path, max_bytes=max_bytes, root=root).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError(f"`{path}` is not UTF-8 (byte {error.start})", help="save it as UTF-8") from error


def read_json(path: Path, *, max_bytes: int = MAX_TEXT_BYTES, root: Path | None = None) -> Any:
    """A JSON value from a file that lorarun wrote.

    Raises:
        InvalidError: as `read_text`.
        IntegrityError: it is not JSON, so somebody changed it.
    """
    try:
        return json.loads(read_text(path, max_bytes=max_bytes, root=root))
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"`{path}` is not valid JSON: {error}") from error
