"""Unsupported numbers: of the numbers that an answer states, the share found in neither prompt, reference nor facts.

Values are compared, so 1,234 supports 1234 and 3만 supports 30,000. An answer without numbers has none unsupported.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.metrics.numbers import Reading, readings, supported_by
from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.samples.text import nfc


def known(pair: Pair) -> Reading:
    """The values that an answer to this sample may state."""
    sample = pair.sample
    facts = [form for fact in sample.facts for form in (fact.text, *fact.aliases)]
    return supported_by([nfc(text) for text in (sample.prompt, sample.reference, *facts)])


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one a pair; an answer that failed is 1, the worst."""
    scores = []
    for pair in pairs:
        stated = readings(pair.answer)
        unsupported = sum(reading.isdisjoint(known(pair)) for reading in stated)
        scores.append(1.0 if pair.failure else unsupported / max(len(stated), 1))
    return Rows(tuple(pairs), tuple(scores))
