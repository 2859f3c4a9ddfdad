"""chrF and chrF++ (Popović 2015, 2017), equal to sacrebleu's defaults: 6 character orders, β = 2, 0 or 2 word orders.

White space is no character; word n-grams split punctuation off a word's ends. The aggregate is of the summed counts,
as sacrebleu's corpus score is, so a mean of the samples' scores differs from it.

Source: those papers, and sacrebleu 2.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value

CHARACTER_ORDER = 6
BETA = 2
_WORD_ORDER = {"chrf": 0, "chrfpp": 2}


def _counts(text: str, word_order: int) -> list[Counter[str]]:
    letters = "".join(text.split())
    grams = [Counter(letters[i : i + n] for i in range(len(letters) - n + 1)) for n in range(1, CHARACTER_ORDER + 1)]
    words = [piece for word in text.split() for piece in _without_punctuation(word)]
    for n in range(1, word_order + 1):
        grams.append(Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1)))
    return grams


def _without_punctuation(word: str) -> list[str]:
    if len(word) > 1 and word[-1] in string.punctuation:
        return [word[:-1], word[-1]]
    if len(word) > 1 and word[0] in string.punctuation:
        return [word[0], word[1:]]
    return [word]


def statistics(answer: str, reference: str, word_order: int) -> tuple[float, ...]:
    """(in the answer, in the reference, in both) for each order, flattened."""
    row: list[float] = []
    for a, r in zip(_counts(answer, word_order), _counts(reference, word_order), strict=True):
        row += [float(a.total() if r else 0), float(r.total()), float((a & r).total())]
    return tuple(row)


def aggregate(name: str, sums: NDArray[np.float64], options: dict[str, Value]) -> NDArray[np.float64]:
    """Summed statistics (B, 3 · orders) → scores (B,), 0 to 100."""
    counts = sums.reshape(len(sums), -1, 3)
    answered, wanted, both = counts[:, :, 0], counts[:, :, 1], counts[:, :, 2]
    present = (answered > 0) & (wanted > 0)
    orders = np.maximum(present.sum(axis=1), 1)
    precision = np.where(present, both / np.maximum(answered, 1), 0).sum(axis=1) / orders
    recall = np.where(present, both / np.maximum(wanted, 1), 0).sum(axis=1) / orders
    weight = BETA**2
    below = weight * precision + recall
    score: NDArray[np.float64] = np.where(
        below > 0, 100 * (1 + weight) * precision * recall / np.where(below > 0, below, 1), 0.0
    )
    return score


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """Sentence scores with the counts that the corpus score is made of."""
    rows = tuple(statistics(pair.answer, pair.reference, _WORD_ORDER[name]) for pair in pairs)
    values = aggregate(name, np.array(rows), options)
    return Rows(tuple(pairs), tuple(float(v) for v in values), rows)
