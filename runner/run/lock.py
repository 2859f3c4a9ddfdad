"""One run a project at a time: an advisory lock that the kernel frees when its holder is gone."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from runner.errors import LockedError

POLL_SECONDS = 0.2


@contextmanager
def project_lock(root: Path, *, timeout_seconds: float = 0.0) -> Iterator[None]:
    """Hold the project's lock. The file is never unlinked: unlinking would let two holders in.

    Raises:
        LockedError: another process holds it, and still did after `timeout_seconds`.
    """
    path = root / "artifacts" / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        _acquire(descriptor, path, time.monotonic() + timeout_seconds)
        note = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
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


def holder(path: Path) -> str:
    """` (process 123 on host, since …)` as far as the lock's note can be read."""
    try:
        note = json.loads(path.read_bytes()[:1000])
        return f" (process {int(note['pid'])} on {str(note['host'])[:80]}, since {str(note['since'])[:40]})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
