"""Fact recall (completeness of a summary): the share of a sample's facts that its answer states.

A fact counts in any of its forms, within digit, Latin and Hangul boundaries, and not where a forbidden form of it is
stated as well. The mean is over samples, so that long fact lists weigh no more than short ones.

Source: the content units of the Pyramid method (Nenkova & Passonneau 2004), unweighted and found by their words.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.metrics.facts import judged
from runner.metrics.pairs import Pair, Rows
from runner.metrics.stated import is_stated, prepare
from runner.metrics.table import Value


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one for each pair that has facts."""
    rows = judged(pairs, str(options["facts"]))
    values = []
    for pair, facts in rows:
        answer = prepare(pair.answer)
        values.append(sum(is_stated(answer, fact) for fact in facts) / len(facts))
    return Rows(tuple(pair for pair, _ in rows), tuple(values))
