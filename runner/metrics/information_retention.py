"""Information retention: of the facts that the chain's first stage states, the share that its last answer keeps.

Counted over facts, so that the identity holds exactly, with all shares of all facts:
chain recall = analysis recall × retention + recovered, `recovered` being facts that only the last answer states.

Source: our own definition, a conditional recall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.errors import InvalidError
from runner.metrics.facts import judged
from runner.metrics.failures import failure_of
from runner.metrics.pairs import Pair, Rows
from runner.metrics.stated import is_stated, prepare
from runner.metrics.table import Value
from runner.samples.sample import Fact


@dataclass(frozen=True)
class Passage:
    """What became of one fact on its way through a chain."""

    pair: Pair
    fact: Fact
    upstream: bool  # the first stage states it
    final: bool  # the last answer states it


def passages(pairs: Sequence[Pair], *, facts: str = "auto") -> tuple[Passage, ...]:
    """Every fact of every pair that has facts.

    Raises:
        InvalidError: the first stage's answers are not given, or no row has facts.
    """
    found = []
    for pair, own in judged(pairs, facts):
        if pair.upstream is None:
            raise InvalidError("information retention needs the answers of the chain's first stage")
        first = "" if failure_of(pair.upstream, reference=pair.reference) else prepare(pair.upstream.text)
        last = prepare(pair.answer)
        found += [Passage(pair, fact, is_stated(first, fact), is_stated(last, fact)) for fact in own]
    return tuple(found)


def aggregate(name: str, sums: NDArray[np.float64], options: dict[str, Value]) -> NDArray[np.float64]:
    """Summed (kept, stated upstream, recovered, facts) (B, 4) → shares (B,); 0 where nothing arrived to be kept."""
    shares: NDArray[np.float64] = sums[:, 0] / np.maximum(sums[:, 1], 1)
    return shares


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one for each pair that has facts, with (kept, stated upstream, recovered, facts)."""
    rows: dict[str, list[float]] = {}
    of: dict[str, Pair] = {}
    for passage in passages(pairs, facts=str(options["facts"])):
        identity = passage.pair.sample.id
        of[identity] = passage.pair
        row = rows.setdefault(identity, [0.0] * 4)
        row[0] += passage.upstream and passage.final
        row[1] += passage.upstream
        row[2] += passage.final and not passage.upstream
        row[3] += 1
    values = tuple(row[0] / max(row[1], 1) for row in rows.values())
    return Rows(tuple(of.values()), values, tuple(tuple(row) for row in rows.values()))


def details(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> dict[str, float]:
    """The identity's other terms: recall of the first stage, recall of the chain, and recovered facts, over facts."""
    found = passages(pairs, facts=str(options["facts"]))
    return {
        "upstream_recall": sum(p.upstream for p in found) / len(found),
        "chain_recall": sum(p.final for p in found) / len(found),
        "recovered": sum(p.final and not p.upstream for p in found) / len(found),
    }
