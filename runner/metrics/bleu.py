"""BLEU (Papineni et al. 2002) as sacrebleu computes it: 4 orders, exponential smoothing, one reference.

The counts come from sacrebleu; the corpus score is computed from their sums here, for many resamples at once. The
scores of single samples use the effective order, as sacrebleu advises. For Korean take `tokenize: char` or `intl`.

Source: that paper, and sacrebleu 2.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics import BLEU

from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value

ORDERS = 4


@functools.cache
def _scorer(tokenize: str) -> Any:
    return BLEU(tokenize=tokenize, effective_order=True)


def aggregate(name: str, sums: NDArray[np.float64], options: dict[str, Value]) -> NDArray[np.float64]:
    """Summed (answer length, reference length, matches…, totals…) (B, 10) → corpus BLEU (B,), 0 to 100."""
    answered, wanted = sums[:, 0], sums[:, 1]
    matches, totals = sums[:, 2 : 2 + ORDERS], sums[:, 2 + ORDERS :]
    # The k-th order without a match counts as 1 / (2^k · total); without any n-gram of an order the score is 0.
    misses = np.cumsum(matches == 0, axis=1)
    smooth = 1 / (2.0**misses * np.maximum(totals, 1))
    precision = np.where(matches > 0, matches / np.maximum(totals, 1), smooth)
    defined = (totals > 0).all(axis=1) & (matches > 0).any(axis=1)
    penalty = np.exp(np.minimum(0.0, 1 - wanted / np.maximum(answered, 1)))
    score: NDArray[np.float64] = np.where(defined, 100 * penalty * np.exp(np.log(precision).mean(axis=1)), 0.0)
    return score


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """Sentence scores with the counts that the corpus score is made of."""
    scorer = _scorer(str(options["tokenize"]))
    results = [scorer.sentence_score(pair.answer, [pair.reference]) for pair in pairs]
    rows = tuple(tuple(float(x) for x in (r.sys_len, r.ref_len, *r.counts, *r.totals)) for r in results)
    return Rows(tuple(pairs), tuple(float(r.score) for r in results), rows)
