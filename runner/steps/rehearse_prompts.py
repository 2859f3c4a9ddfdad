"""The longest prompts of many, and whether all fit, without counting the tokens of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.engines.protocol import Reader
from runner.samples.sample import Sample
from runner.steps.context import Surroundings

PROMPTS = 4  # that are answered
COUNTED = 8  # the longest texts, and as many of the largest images, are always counted


@dataclass(frozen=True)
class Prompts:
    """The longest prompts, longest first, and the tokens of every prompt that had to be counted."""

    samples: tuple[Sample, ...]
    tokens: dict[str, int]  # sample id → tokens

    @property
    def longest_tokens(self) -> int:
        """Of the longest prompt."""
        return max(self.tokens.values(), default=0)

    @property
    def counted(self) -> int:
        """How many were counted."""
        return len(self.tokens)


def longest_prompts(
    samples: Sequence[Sample], room: int | None, reader: Reader, root: Path, around: Surroundings
) -> Prompts:
    """Count the likely longest, and every other that is not sure to fit into `room` tokens.

    A prompt is sure to fit where its bytes do beside the longest prompt that was counted: a byte-level tokenizer gives
    at most a token a byte, and template and images add no more than they did to the prompts with the largest images.
    """
    order = {s.id: place for place, s in enumerate(samples)}
    tokens: dict[str, int] = {}

    def count(some: Sequence[Sample]) -> None:
        new = [s for s in some if s.id not in tokens]
        counted = reader.lengths(new, root, on_event=lambda _: None, should_stop=around.should_stop)
        tokens.update({s.id: row.prompt for s, row in zip(new, counted, strict=True)})

    by_text = sorted(samples, key=lambda s: (-_bytes(s), order[s.id]))
    by_image = sorted(samples, key=lambda s: (-_pixels(s), order[s.id]))
    count(tuple({s.id: s for s in (*by_text[:COUNTED], *by_image[:COUNTED])}.values()))
    longest = max(tokens.values(), default=0)
    if room is not None:
        count([s for s in samples if _bytes(s) + longest > room])
    known = sorted((s for s in samples if s.id in tokens), key=lambda s: (-tokens[s.id], order[s.id]))
    return Prompts(tuple(known[:PROMPTS]), tokens)


def _bytes(sample: Sample) -> int:
    return len(sample.prompt.encode()) + len(sample.system.encode())


def _pixels(sample: Sample) -> int:
    return sum(image.width * image.height for image in sample.images)
