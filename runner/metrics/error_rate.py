"""Character and word error rate: edits per reference character (word), summed over the samples (micro average).

Equal to jiwer's `cer` and `wer` on non-empty references. Both may exceed 1. White space at the ends does not count;
`cer_nospace` drops all of it, and `level: jamo` compares the letters that Hangul syllables are made of.

Source: Levenshtein 1966 for the edits, jiwer for the rates.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from runner.errors import InvalidError
from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value


def pieces(name: str, text: str, level: str) -> Sequence[str]:
    """What is counted: characters, letters or words of NFC text."""
    if name == "wer":
        return text.split()
    kept = "".join(text.split()) if name == "cer_nospace" else text.strip()
    return unicodedata.normalize("NFD", kept) if level == "jamo" else kept


def aggregate(name: str, sums: NDArray[np.float64], options: dict[str, Value]) -> NDArray[np.float64]:
    """Summed (edits, reference length) (B, 2) → rates (B,). Without any reference text, edits are over 1."""
    rates: NDArray[np.float64] = sums[:, 0] / np.maximum(sums[:, 1], 1)
    return rates


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A rate a pair and its (edits, length). An answer that failed has every piece of its reference wrong.

    Raises:
        InvalidError: no reference has any text.
    """
    rows = []
    for pair in pairs:
        answer, reference = (pieces(name, t, str(options.get("level", ""))) for t in (pair.answer, pair.reference))
        rows.append((float(Levenshtein.distance(answer, reference)), float(len(reference))))
    if not any(length for _, length in rows):
        raise InvalidError(f"`{name}` needs references with text in them, and all of them are empty")
    return Rows(tuple(pairs), tuple(edits / max(length, 1) for edits, length in rows), tuple(rows))
