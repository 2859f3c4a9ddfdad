"""One run a project at a time: an advisory lock that the kernel frees when its holder is gone."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from runner import files
from runner.errors import IntegrityError, LockedError

POLL_SECONDS = 0.05
GLANCE_SECONDS = 0.2  # somebody who only asks whether the lock is held has it for a moment


@contextmanager
def project_lock(root: Path, *, timeout_seconds: float = 0.0) -> Iterator[None]:
    """Hold the project's lock. The file is never unlinked: unlinking would let two holders in.

    Should somebody else remove it all the same, the folder that it lies in is locked too, and a file that was
    replaced while we waited is not the lock.

    Raises:
        LockedError: another process holds it, and still did after `timeout_seconds`.
    """
    path = root / "artifacts" / ".lock"
    files.make_folder(path.parent)
    deadline = time.monotonic() + max(timeout_seconds, GLANCE_SECONDS)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    descriptor, owner = -1, os.getpid()
    _held.add(folder)
    try:
        _acquire(folder, path, deadline)
        descriptor = _acquire_file(path, deadline)
        _held.add(descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _note(), 0)
        yield
        if os.getpid() == owner:
            os.ftruncate(descriptor, 0)
    finally:
        for held in {descriptor, folder} & _held:
            _held.discard(held)
            os.close(held)


_held: set[int] = set()  # descriptors of locks that this process holds


def _let_go() -> None:
    """A forked child shares its parent's locks: it must not keep them when the parent is gone."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


def _note() -> bytes:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode()


def _acquire_file(path: Path, deadline: float) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise IntegrityError(f"`{path}` is a symbolic link", help="remove it; a lock is a plain file") from error
        try:
            _acquire(descriptor, path, deadline)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"another run holds this project{holder(path)}",
                    help="wait for it, or see `lorarun status`; `--lock-timeout` waits",
                ) from None
            time.sleep(POLL_SECONDS)


def is_held(root: Path) -> bool:
    """Whether a run holds the project at this moment."""
    path = root / "artifacts" / ".lock"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def is_held_by_another(root: Path, pid: object) -> bool:
    """Whether a process other than `pid` holds the project; False where that cannot be told."""
    try:
        noted = json.loads((root / "artifacts" / ".lock").read_bytes()[:1000])["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return isinstance(pid, int) and isinstance(noted, int) and noted != pid and is_held(root)


def holder(path: Path) -> str:
    """` (process 123 on host, since …)` as far as the lock's note can be read."""
    try:
        note = json.loads(path.read_bytes()[:1000])
        return f" (process {int(note['pid'])} on {str(note['host'])[:80]}, since {str(note['since'])[:40]})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
