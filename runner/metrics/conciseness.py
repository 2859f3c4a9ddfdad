"""Conciseness: 1 where an answer's length in characters (NFC) lies within its band, else 0.

The band is `minimum` to `maximum` where given, else from `shortest` to `longest` times the reference's length.

Source: our own definition; it is a band, since the length limits of summarization tasks have no lower end.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.errors import InvalidError
from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.samples.text import collapse


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """1.0 or 0.0 a pair; an answer that failed is 0.

    Raises:
        InvalidError: the band is empty.
    """
    minimum, maximum, shortest, longest = (float(options[k]) for k in ("minimum", "maximum", "shortest", "longest"))
    if (maximum and minimum > maximum) or shortest > longest:
        raise InvalidError("the length band of `conciseness` is empty: its lower end is above its upper end")
    values = []
    for pair in pairs:
        length, wanted = len(collapse(pair.answer)), len(collapse(pair.reference))
        low, high = minimum or shortest * wanted, maximum or longest * wanted
        values.append(float(not pair.failure and low <= length <= high))
    return Rows(tuple(pairs), tuple(values))
