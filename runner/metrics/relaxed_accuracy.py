"""Relaxed accuracy (Masry et al. 2022, ChartQA): numbers may differ by a relative tolerance, other answers must match.

A percentage is the number divided by 100. A reference of 0 allows no tolerance, as in the published evaluation.

Source: that paper, and the code that its authors published.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.samples.text import collapse


def number(text: str) -> float | None:
    """The whole text as a number, thousands commas aside; None where it is none or not finite."""
    bare = text.replace(",", "")
    try:
        value = float(bare.rstrip("%")) / 100 if bare.endswith("%") else float(bare)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_right(answer: str, reference: str, tolerance: float) -> bool:
    """Whether an answer is right by ChartQA's rule."""
    a, r = collapse(answer), collapse(reference)
    given, wanted = number(a), number(r)
    if given is not None and wanted:
        return abs(given - wanted) / abs(wanted) <= tolerance
    return a.casefold() == r.casefold()


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """1.0 or 0.0 a pair; an answer that failed is 0."""
    tolerance = float(options["tolerance"])
    values = tuple(float(not p.failure and is_right(p.answer, p.reference, tolerance)) for p in pairs)
    return Rows(tuple(pairs), values)
