"""Ctrl-C and SIGTERM outside of the loop: while models are fetched, weights digested, a record is made."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from runner.errors import InterruptedRunError


class _Ended(KeyboardInterrupt):
    """A signal came; whoever tidies up after Ctrl-C tidies up after this, and nobody takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def resumable(command: str) -> Iterator[None]:
    """End what goes on inside on Ctrl-C or SIGTERM; a loop inside handles them in its own way.

    A shell starts what it puts in the background with Ctrl-C ignored; whoever sends SIGINT to it all the same means it.

    Raises:
        InterruptedRunError: one of them came. It tells that `command` goes on.
    """

    def end(number: int, _: FrameType | None) -> None:
        raise _Ended(number)

    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _Ended as ended:
        message = f"interrupted by {signal.Signals(ended.number).name}; what came and what was made stays"
        help_text = f"`{command}` goes on where this stopped"
        raise InterruptedRunError(message, signal=ended.number, help=help_text) from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
