"""The disk of tests: its n-th operation fails, crashes the program or kills the process; and it can be recorded.

Nothing of this is in the program: `runner.files.observe` is the only seam.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runner import files


class Crash(BaseException):
    """The power is gone: no `except Exception` sees this, and no clean-up happens after it."""


@dataclass
class Fault:
    """Fails at the n-th operation (counted from 1) in the way of `mode`: ENOSPC, EIO, crash or kill."""

    at: int
    mode: str
    seen: list[str] = field(default_factory=list)

    def __call__(self, operation: str, path: Path, detail: object) -> None:
        if self.fired and self.mode == "crash":
            raise Crash(operation)  # a dead program does nothing more
        self.seen.append(operation)
        if len(self.seen) != self.at:
            return
        if self.mode == "kill":
            os.kill(os.getpid(), 9)
        if self.mode == "crash":
            raise Crash(operation)
        raise OSError(getattr(errno, self.mode), os.strerror(getattr(errno, self.mode)), str(path))

    @property
    def fired(self) -> bool:
        return len(self.seen) >= self.at


@contextlib.contextmanager
def observing(observer: files.Observer) -> Iterator[None]:
    before, files.observe = files.observe, observer
    try:
        yield
    finally:
        files.observe = before


def acknowledged(act: Callable[[], object], fault: Fault) -> bool:
    """Whether `act` returned, with `fault` on the disk; a kill happens in a child process."""
    if fault.mode == "kill":
        return _in_child(act, fault)
    with observing(fault):
        try:
            act()
        except (Crash, OSError, files.ResourceError):
            return False
    return True


def _in_child(act: Callable[[], object], fault: Fault) -> bool:
    child = os.fork()
    if child == 0:
        code = 99
        try:
            files.observe = fault
            act()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        fault.seen += ["?"] * fault.at
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


@dataclass
class Recorder:
    """What was done to the disk, in order."""

    operations: list[tuple[str, Path, bytes | Path | None]] = field(default_factory=list)

    def __call__(self, operation: str, path: Path, detail: bytes | Path | None) -> None:
        self.operations.append((operation, path, detail))
