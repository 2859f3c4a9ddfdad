"""`Row`: one sample as tokens, and the rules for rows that are too long or train nothing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.errors import Diagnostic, InvalidError
from runner.samples.lengths import RowLength, tokens_to_cut, too_long
from runner.samples.sample import Sample

MIN_PREFIX = 16  # tokens; a shorter shared beginning is not worth keeping apart


@dataclass(frozen=True)
class Prompt:
    """The tokens that a model reads before it answers, and what it sees. One function makes them for all uses."""

    tokens: tuple[int, ...]
    images: tuple[str, ...] = ()  # digests, in order of appearance
    grids: tuple[tuple[int, int, int], ...] = ()  # (frames, height, width) of each image in patches
    fixed: int = 0  # leading tokens that truncation may not touch (an image's tokens are never cut)
    extra: Any = None  # what the family's own processor made, where there is no faster path


@dataclass(frozen=True)
class Row:
    """Prompt and answer of one sample. Tokens from `first_label` on are supervised."""

    id: str
    source: str
    prompt: Prompt
    tokens: tuple[int, ...]  # prompt, answer, end token
    first_label: int  # ≥ 1: the first token has nothing before it to be predicted from

    @property
    def labels(self) -> int:
        """Supervised tokens."""
        return len(self.tokens) - self.first_label

    @property
    def length(self) -> int:
        """Tokens that are read: the last one is only a target."""
        return len(self.tokens) - 1

    def measured(self) -> RowLength:
        """The row's lengths alone."""
        prompt = self.prompt
        size = len(prompt.tokens)
        return RowLength(self.id, self.source, size, len(self.tokens) - size, prompt.fixed, prompt.grids)


def common_prefix(sequences: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The longest beginning that all sequences share."""
    if not sequences:
        return ()
    low, high = min(sequences), max(sequences)  # in lexical order, all others lie between these two
    same = 0
    while same < min(len(low), len(high)) and low[same] == high[same]:
        same += 1
    return low[:same]


def text_before(tokens: tuple[int, ...], image_token: int | None) -> tuple[int, ...]:
    """The tokens before the first image's; all of them where there is none."""
    return tokens[: tokens.index(image_token)] if image_token in tokens else tokens


def shared_beginning(prompts: Sequence[Prompt], image_token: int | None = None) -> tuple[int, ...]:
    """The text that several prompts all begin with; empty where it is too short to be read apart.

    The last token of each prompt stays out of it, for its logits are wanted.
    """
    if len(prompts) < 2:
        return ()
    common = text_before(common_prefix([p.tokens[:-1] for p in prompts]), image_token)
    return common if len(common) >= MIN_PREFIX else ()


def make_row(sample: Sample, prompt: Prompt, answer: Sequence[int], *, mask_prompt: bool) -> Row:
    """A row of a prompt and its answer's tokens (end token included)."""
    first = len(prompt.tokens) if mask_prompt else 1
    return Row(sample.id, sample.source, prompt, (*prompt.tokens, *answer), max(1, first))


def fit(rows: Sequence[Row], *, max_seq_length: int, truncate: str) -> tuple[Row, ...]:
    """The rows, none longer than `max_seq_length` tokens; `truncate: prompt` cuts the prompt's middle-left side.

    Raises:
        InvalidError: every row whose answer would be cut off, or that has no supervised token, by name.
    """
    fitted: list[Row] = []
    findings: list[Diagnostic] = []
    for row in rows:
        measured = row.measured()
        cut = tokens_to_cut(measured, max_seq_length=max_seq_length, truncate=truncate)
        if row.labels < 1:
            findings.append(_untrained(row))
        elif cut is None:
            findings.append(too_long(measured, max_seq_length))
        else:
            fitted.append(_shortened(row, cut) if cut else row)
    if findings:
        raise InvalidError.of(findings)
    return tuple(fitted)


def _untrained(row: Row) -> Diagnostic:
    path, _, line = row.source.rpartition(":")
    place = (path, int(line)) if line.isdigit() else (row.source, 0)
    message = f"row `{row.id}` has no supervised token"
    return Diagnostic("E511", message, path=place[0], line=place[1], help="give it an answer")


def _shortened(row: Row, excess: int) -> Row:
    """The row without so many tokens, taken where the free part of the prompt begins."""
    fixed = row.prompt.fixed
    prompt = replace(row.prompt, tokens=row.prompt.tokens[:fixed] + row.prompt.tokens[fixed + excess :])
    tokens = row.tokens[:fixed] + row.tokens[fixed + excess :]
    return replace(row, prompt=prompt, tokens=tokens, first_label=max(1, row.first_label - excess))
