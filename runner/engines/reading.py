"""Samples as tokens, by tokenizer and processor alone: what training, answering and counting all read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import SIGTERM
from typing import Any, Protocol

from runner.engines import mlx_lm_api
from runner.engines.chat import Message, answer_after, end_of_turn, free_from, messages_of
from runner.engines.protocol import OnEvent, ShouldStop
from runner.engines.rows import Prompt, make_row
from runner.engines.showing import Pixels, show_row
from runner.errors import InterruptedRunError
from runner.samples.lengths import RowLength
from runner.samples.sample import ImageRef, Sample
from runner.samples.shown import ShownRow

TOLD_EVERY = 64  # rows
RENDERED = 8  # of the longest prompts, with their template


class Reading(Protocol):
    """A model's way to read samples."""

    def prompt(self, sample: Sample, root: Path) -> Prompt:
        """The tokens that stand before the answer, and what the model sees."""

    def answer(self, sample: Sample, prompt: Prompt, root: Path) -> list[int]:
        """The tokens of the sample's reference, with the end token."""

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of some tokens, special ones too."""

    def count(self, text: str) -> int:
        """The tokens of a text alone."""

    def image_token(self) -> int | None:
        """The token that stands for a part of a picture."""

    def preprocessed(self, prompt: Prompt) -> list[Pixels]:
        """A prompt's pictures as the model gets them; none where that cannot be drawn."""


@dataclass(frozen=True)
class TextReading:
    """A tokenizer of mlx-lm with its chat template, where it has one."""

    tokenizer: Any
    end_tokens: frozenset[int]
    empty: dict[str, list[int]] = field(default_factory=dict)  # system → tokens of an empty prompt

    def prompt(self, sample: Sample, root: Path) -> Prompt:
        """See `Reading`."""
        messages = messages_of(sample.system, sample.prompt)
        if not mlx_lm_api.has_template(self.tokenizer):
            return Prompt(tuple(self.tokenizer.encode(f"{sample.system}{sample.prompt}")))
        tokens = mlx_lm_api.render(self.tokenizer, messages)
        if sample.system not in self.empty:
            self.empty[sample.system] = mlx_lm_api.render(self.tokenizer, messages_of(sample.system, ""))
        return Prompt(tuple(tokens), fixed=free_from(tokens, self.empty[sample.system]))

    def answer(self, sample: Sample, prompt: Prompt, root: Path) -> list[int]:
        """See `Reading`."""
        end = end_of_turn(self.tokenizer.eos_token_id, self.end_tokens)
        if mlx_lm_api.has_template(self.tokenizer):
            messages = messages_of(sample.system, sample.prompt, sample.reference)
            whole = mlx_lm_api.render_whole(self.tokenizer, messages)
            if (answer := answer_after(prompt.tokens, whole, self.end_tokens)) is not None:
                return answer
        return [*self.tokenizer.encode(sample.reference, add_special_tokens=False), end]

    def decode(self, tokens: Sequence[int]) -> str:
        """See `Reading`."""
        return str(self.tokenizer.decode(list(tokens)))

    def count(self, text: str) -> int:
        """See `Reading`."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def image_token(self) -> int | None:
        """See `Reading`."""
        return None

    def preprocessed(self, prompt: Prompt) -> list[Pixels]:
        """See `Reading`."""
        return []


class ImageReader(Protocol):
    """A family's processor: conversations with images as tokens."""

    def prompt(self, messages: list[Message], images: Sequence[ImageRef], root: Path, *, ask: bool) -> Prompt:
        """The tokens of a conversation; `ask` ends it where the assistant speaks."""

    def image_token_id(self) -> int | None:
        """The token that stands for a part of a picture."""

    def preprocessed(self, prompt: Prompt) -> list[Pixels]:
        """The pictures of a prompt that this reader made, as the model gets them."""


@dataclass(frozen=True)
class ImageReading:
    """A processor of mlx-vlm; `reader` is asked for at each sample, as an engine may change it."""

    reader: Callable[[], ImageReader]
    tokenizer: Any
    end_tokens: frozenset[int]
    empty: dict[Any, tuple[int, ...]] = field(default_factory=dict)  # (system, grids) → tokens of an empty prompt

    def prompt(self, sample: Sample, root: Path) -> Prompt:
        """See `Reading`."""
        reader = self.reader()
        asked = reader.prompt(messages_of(sample.system, sample.prompt), sample.images, root, ask=True)
        # Pictures of a known grid are so many tokens whatever they show.
        key = (sample.system, asked.grids)
        empty = self.empty.get(key)
        if empty is None:
            empty = reader.prompt(messages_of(sample.system, ""), sample.images, root, ask=True).tokens
            if len(asked.grids) == len(sample.images):
                self.empty[key] = empty
        return replace(asked, fixed=free_from(asked.tokens, empty))

    def answer(self, sample: Sample, prompt: Prompt, root: Path) -> list[int]:
        """See `Reading`."""
        messages = messages_of(sample.system, sample.prompt, sample.reference)
        whole = self.reader().prompt(messages, sample.images, root, ask=False)
        if (answer := answer_after(prompt.tokens, whole.tokens, self.end_tokens)) is not None:
            return answer
        end = end_of_turn(self.tokenizer.eos_token_id, self.end_tokens)
        return [*self.tokenizer.encode(sample.reference, add_special_tokens=False), end]

    def decode(self, tokens: Sequence[int]) -> str:
        """See `Reading`."""
        return str(self.tokenizer.decode(list(tokens)))

    def count(self, text: str) -> int:
        """See `Reading`."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def image_token(self) -> int | None:
        """See `Reading`."""
        return self.reader().image_token_id()

    def preprocessed(self, prompt: Prompt) -> list[Pixels]:
        """See `Reading`."""
        return self.reader().preprocessed(prompt)


class Counter:
    """Counts the tokens of samples with a reading of its own; no weights are loaded. Implements `Reader`."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def lengths(
        self, samples: Sequence[Sample], root: Path, *, on_event: OnEvent, should_stop: ShouldStop
    ) -> tuple[RowLength, ...]:
        """See `Reader.lengths`."""
        counted = []
        for number, sample in enumerate(samples, 1):
            if should_stop():
                raise InterruptedRunError("stopped while counting tokens", signal=SIGTERM)
            prompt = self._reading.prompt(sample, root)
            answer = self._reading.answer(sample, prompt, root)
            counted.append(make_row(sample, prompt, answer, mask_prompt=True).measured())
            if number % TOLD_EVERY == 0 or number == len(samples):
                on_event({"event": "counted", "done": number, "total": len(samples)})
        return tuple(counted)

    def longest_prompt(self, samples: Sequence[Sample], root: Path, *, should_stop: ShouldStop) -> int:
        """See `Reader.longest_prompt`. A text makes at most a token a byte, so most short ones need no count; what the
        template adds is counted with the longest texts."""
        found: list[tuple[int, Sample]] = []
        most = 0
        for sample in sorted(samples, key=_bytes, reverse=True):
            if _bytes(sample) < most:
                break
            if should_stop():
                raise InterruptedRunError("stopped while counting tokens", signal=SIGTERM)
            tokens = self._reading.count(sample.prompt) + self._reading.count(sample.system)
            found.append((tokens, replace(sample, images=())))
            most = max(most, tokens)
        longest = sorted(found, key=lambda pair: pair[0], reverse=True)[:RENDERED]
        return max((len(self._reading.prompt(sample, root).tokens) for _, sample in longest), default=0)

    def show(self, samples: Sequence[Sample], root: Path, out: Path, *, mask_prompt: bool) -> tuple[ShownRow, ...]:
        """See `Reader.show`."""
        numbered = enumerate(samples)
        return tuple(show_row(self._reading, s, root, out, number=n, mask_prompt=mask_prompt) for n, s in numbered)


def _bytes(sample: Sample) -> int:
    return len(sample.prompt.encode()) + len(sample.system.encode())


def text_reader(checkpoint: Path) -> Counter:
    """The reader of a text model's checkpoint folder, which has been vetted."""
    tokenizer = mlx_lm_api.load_reading(checkpoint)
    return Counter(TextReading(tokenizer, frozenset(int(t) for t in tokenizer.eos_token_ids)))
