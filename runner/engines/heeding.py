"""Reading samples with an ear for the caller: their images may take minutes before the first update or answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from signal import SIGTERM

from runner.engines.memory_relief import Relief
from runner.engines.protocol import Asked, OnEvent
from runner.engines.reading import TOLD_EVERY
from runner.errors import InterruptedRunError
from runner.samples.sample import Sample


def one_by_one(
    samples: Sequence[Sample], *, on_event: OnEvent, should_stop: Asked, should_shrink: Asked
) -> Iterator[Sample]:
    """The samples; each is told when it was read, those without images a few at a time.

    Raises:
        InterruptedRunError: `should_stop` said so. What was computed of images is kept in the project.
    """
    relief = Relief(should_shrink, lambda: None, on_event)
    for number, sample in enumerate(samples, 1):
        if should_stop():
            raise InterruptedRunError("stopped while reading samples", signal=SIGTERM)
        relief(number - 1, len(samples))
        yield sample
        if sample.images or number % TOLD_EVERY == 0:
            on_event({"event": "read", "done": number, "total": len(samples)})
