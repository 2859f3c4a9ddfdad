"""Response length in characters (NFC) or tokens: no direction of its own; watch it beside every recall.

Source: plain counting; percentiles are of the nearest rank.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.samples.text import nfc


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """The length of each answer as it was given, failed or not."""
    if options["unit"] == "tokens":
        return Rows(tuple(pairs), tuple(float(p.completion.tokens) for p in pairs))
    return Rows(tuple(pairs), tuple(float(len(nfc(p.completion.text).strip())) for p in pairs))


def details(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> dict[str, float]:
    """Median and 95th percentile (nearest rank), and the extremes."""
    lengths = sorted(measure(name, pairs, options).values)
    rank = -(-95 * len(lengths) // 100) - 1
    return {"p50": statistics.median(lengths), "p95": lengths[rank], "least": lengths[0], "most": lengths[-1]}
