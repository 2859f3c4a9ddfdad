"""Hallucinated facts: of all facts and numbers that an answer states, the share that is not so.

Not so is a forbidden form, a fact of another sample that this one's reference lacks, and a number found in neither
prompt, reference nor facts. An answer that states nothing invents nothing.

Source: CHAIR (Rohrbach et al. 2018), with facts and numbers for its objects.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.metrics.fact_precision import statements
from runner.metrics.numbers import values
from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.metrics.unsupported_numbers import known


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one for each pair that has facts; an answer that failed is 1, the worst."""
    rows = statements(pairs, facts=str(options["facts"]), against="samples")
    scores = []
    for row in rows:
        judged = frozenset(value for form in row.wrong for value in values(form))
        invented = values(row.pair.answer) - judged - known(row.pair)
        wrong = len(row.wrong) + len(invented)
        scores.append(1.0 if row.pair.failure else wrong / max(row.right + wrong, 1))
    return Rows(tuple(row.pair for row in rows), tuple(scores))
