"""Chain accuracy: the share of samples whose last answer states every fact and no forbidden one, end to end.

All or nothing, so that a chain is right only where every stage was. `fact_recall` of the same answers is its graded
companion.

Source: joint goal accuracy of dialogue state tracking (Henderson et al. 2014), with facts for slots.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.metrics.facts import judged
from runner.metrics.pairs import Pair, Rows
from runner.metrics.stated import is_denied, is_stated, prepare
from runner.metrics.table import Value


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """1.0 or 0.0 for each pair that has facts."""
    rows = judged(pairs, str(options["facts"]))
    values = []
    for pair, facts in rows:
        answer = prepare(pair.answer)
        values.append(float(all(is_stated(answer, f) and not is_denied(answer, f) for f in facts)))
    return Rows(tuple(pair for pair, _ in rows), tuple(values))
