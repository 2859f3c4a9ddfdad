"""Exact match: 1 where the answer equals a right answer after NFC and collapsing of white space.

`compare: loose` also folds case and drops punctuation (English articles stay).

Source: SQuAD's evaluation (Rajpurkar et al. 2016) for `loose`; plain equality else.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.samples.text import collapse, loose


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """1.0 or 0.0 a pair; an answer that failed is 0."""
    normal = loose if options["compare"] == "loose" else collapse
    values = []
    for pair in pairs:
        right = {normal(r) for r in pair.references(str(options["answers"]))}
        values.append(float(not pair.failure and normal(pair.answer) in right))
    return Rows(tuple(pairs), tuple(values))
