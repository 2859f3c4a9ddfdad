"""VQA accuracy (Antol et al. 2015): min(1, people who gave this answer / 3), averaged over leaving each person out.

Each line of a reference is one person's answer. With fewer than four of them, one equal answer is enough. Answers are
compared as the evaluation does: case, articles and punctuation aside, number words as digits; contractions are
compared without their apostrophe.

Source: that paper, and its official evaluation code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.samples.text import loose

_WORDS = "none zero one two three four five six seven eight nine ten"
_DIGITS = dict(zip(_WORDS.split(), ["0", *map(str, range(11))], strict=True))
_THOUSANDS = re.compile(r"(?<=\d),(?=\d)")
_ARTICLES = {"a", "an", "the"}
_ENOUGH = 3
_LEAST_PEOPLE = 4


def normal(answer: str) -> str:
    """The answer as it is compared."""
    kept = _THOUSANDS.sub("", answer.replace("'", "").replace("’", ""))
    return " ".join(_DIGITS.get(w, w) for w in loose(kept).split() if w not in _ARTICLES)


def accuracy(answer: str, people: Sequence[str]) -> float:
    """The share of one that an answer earns from what people answered."""
    equal = sum(normal(person) == normal(answer) for person in people)
    n = len(people)
    if n < _LEAST_PEOPLE:
        return float(equal > 0)
    # Left out is one of the `equal` people who gave this answer, or one of the others.
    return (equal * min(1.0, (equal - 1) / _ENOUGH) + (n - equal) * min(1.0, equal / _ENOUGH)) / n


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one a pair; an answer that failed is 0."""
    values = tuple(0.0 if p.failure else accuracy(p.answer, p.references("lines")) for p in pairs)
    return Rows(tuple(pairs), values)
