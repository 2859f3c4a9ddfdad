"""The clock of a run's supervisor: a step that is still running when time is up is asked to stop, then ended.

A step tells of its progress only now and then, and a silent one may not tell at all, so its word is not waited for.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Protocol

GRACE_SECONDS = 30.0  # to save what it has; what was saved before is kept in any case


class Stoppable(Protocol):
    """A worker, as far as a clock is concerned."""

    def ask_to_stop(self) -> None:
        """Ask it to save its state and end."""

    def kill(self) -> None:
        """End it at once."""


class Deadline:
    """While it is open, `worker` is asked to stop after `seconds`, and ended `grace` seconds later; None is never."""

    def __init__(self, worker: Stoppable, seconds: float | None, *, grace: float = GRACE_SECONDS) -> None:
        self._timers: list[threading.Timer] = []
        if seconds is not None:
            ask = min(max(0.0, seconds), threading.TIMEOUT_MAX / 2)  # a limit of many years is none to a timer
            self._timers = [threading.Timer(ask, worker.ask_to_stop), threading.Timer(ask + grace, worker.kill)]

    def __enter__(self) -> Deadline:
        for timer in self._timers:
            timer.daemon = True
            timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        for timer in self._timers:  # one that had just begun acts on a worker that is still there
            timer.join()
