"""Word-level differences of two texts, for showing what a tuning changed in an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz.distance import Indel

MAX_WORDS = 600
_WORD = re.compile(r"\s+|[^\W_]+|.", re.DOTALL)


@dataclass(frozen=True)
class Span:
    """A run of text; `changed` is True where the other text has no counterpart."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Difference:
    """Both texts, each cut into spans that join to the text again."""

    before: tuple[Span, ...]
    after: tuple[Span, ...]


def difference(before: str, after: str) -> Difference:
    """Longest common subsequence over words; texts of more than `MAX_WORDS` words are compared as wholes."""
    if before == after:
        same = (Span(before, False),) if before else ()
        return Difference(same, same)
    left, right = _WORD.findall(before), _WORD.findall(after)
    if len(left) > MAX_WORDS or len(right) > MAX_WORDS:
        return Difference((Span(before, True),), (Span(after, True),))
    old: list[Span] = []
    new: list[Span] = []
    for step in Indel.opcodes(left, right):
        a = "".join(left[step.src_start : step.src_end])
        b = "".join(right[step.dest_start : step.dest_end])
        if step.tag == "equal":
            old.append(Span(a, False))
            new.append(Span(b, False))
        else:
            old += [Span(a, True)] if a else []
            new += [Span(b, True)] if b else []
    return Difference(_joined(old), _joined(new))


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """The spans with runs of changed words as one: a space between two of them is no counterpart worth showing."""
    made: list[Span] = []
    for span in spans:
        text = span.text
        while span.changed and made and (made[-1].changed or _parts(made)):
            text = made.pop().text + text
        made.append(Span(text, span.changed))
    return tuple(made)


def _parts(made: list[Span]) -> bool:
    """Whether the last span is but the space between two changed ones."""
    return made[-1].text.isspace() and len(made) > 1 and made[-2].changed
