"""Unsupported numbers: of the numbers that an answer states, the share found in neither prompt, reference nor facts.

Values are compared, so 1,234 supports 1234 and 3만 supports 30,000. An answer without numbers has none unsupported.

Source: one minus the precision against the source of Nan et al. 2021, with numbers for named entities.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from runner.metrics.numbers import values
from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.samples.text import nfc


def known(pair: Pair) -> frozenset[Decimal]:
    """The values that an answer to this sample may state."""
    sample = pair.sample
    facts = [form for fact in sample.facts for form in (fact.text, *fact.aliases)]
    return frozenset(value for text in (sample.prompt, sample.reference, *facts) for value in values(nfc(text)))


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one a pair; an answer that failed is 1, the worst."""
    scores = []
    for pair in pairs:
        stated = values(pair.answer)
        scores.append(1.0 if pair.failure else len(stated - known(pair)) / max(len(stated), 1))
    return Rows(tuple(pairs), tuple(scores))
