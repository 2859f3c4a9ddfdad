"""`measure`: one metric over an evaluation's samples and answers. Pure: the same values give the same scores."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import InvalidError
from runner.metrics.facts import derivation
from runner.metrics.model import Scores
from runner.metrics.pairs import Pair, Rows, make_pairs
from runner.metrics.table import METRICS, complete_options, metric_id, name_of, signature
from runner.samples.sample import Completion, Sample


def measure(
    name: str,
    options: Mapping[str, Any],
    samples: Sequence[Sample],
    completions: Sequence[Completion],
    *,
    upstream: Sequence[Completion] | None = None,
    format: str = "any",
) -> Scores:
    """Score every sample's answer with one metric of METRICS.

    `completions` may hold repeats (kind `sampled`, `greedy` or `paraphrased`), which only consistency and determinism
    look at. `upstream` is what the chain's first stage answered to the same samples. `format` is what the evaluation
    asks of answers: one that does not parse as it has failed.

    Raises:
        InvalidError: unknown metric or option, no samples, or nothing that this metric could judge.
        IntegrityError: an answer is missing, given twice, or belongs to no sample.
    """
    filled = complete_options(name, options)
    pairs = _pairs(name, samples, completions, upstream, format)
    rows: Rows = _module(name).measure(name, pairs, filled)
    matrix = np.array(rows.statistics) if rows.statistics else None
    value = (
        math.fsum(rows.values) / len(rows.values)
        if matrix is None
        else float(aggregate(name, options, matrix.sum(axis=0, keepdims=True))[0])
    )
    return Scores(
        metric=metric_id(name, options),
        signature=signature(name, options, format=format)
        + (derivation(pairs, str(filled["facts"])) if "facts" in filled else ""),
        value=value,
        sample_ids=tuple(p.sample.id for p in rows.pairs),
        values=rows.values,
        statistics=rows.statistics,
    )


def aggregate(name: str, options: Mapping[str, Any], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Aggregates of many resamples at once: summed statistics (B, k) → values (B,).

    k is the length of a row of `Scores.statistics`; for a metric without them, rows are (score, 1). `name` may also be
    a `Scores.metric`, such as `rougeL(unit=word)`.
    """
    name = name_of(name)
    if not METRICS[name].corpus:
        means: NDArray[np.float64] = sums[:, 0] / sums[:, 1]
        return means
    values: NDArray[np.float64] = _module(name).aggregate(name, sums, complete_options(name, options))
    return values


def details(
    name: str,
    options: Mapping[str, Any],
    samples: Sequence[Sample],
    completions: Sequence[Completion],
    *,
    upstream: Sequence[Completion] | None = None,
    format: str = "any",
) -> dict[str, float]:
    """Figures beside the aggregate that a report shows: failures by kind, p50 and p95 of lengths, majority share, …

    Raises:
        InvalidError, IntegrityError: as `measure`.
    """
    filled = complete_options(name, options)
    module = _module(name)
    if not hasattr(module, "details"):
        return {}
    figures: dict[str, float] = module.details(name, _pairs(name, samples, completions, upstream, format), filled)
    return figures


def _pairs(
    name: str,
    samples: Sequence[Sample],
    completions: Sequence[Completion],
    upstream: Sequence[Completion] | None,
    format: str,
) -> tuple[Pair, ...]:
    if "upstream" in METRICS[name].needs and upstream is None:
        raise InvalidError(f"`{name}` needs the answers of the chain's first stage")
    return make_pairs(samples, completions, upstream=upstream, format=format)


def _module(name: str) -> Any:
    return importlib.import_module(f"runner.metrics.{METRICS[name].module}")
