"""Measures for the acceptance tests: paired scores of made-up campaigns."""

import numpy as np

from runner.acceptance.model import Measure
from runner.metrics.model import MetricInfo, Scores

ACCURACY = MetricInfo("fact_recall", "higher", "quality", 0.0, 1.0)
ERRORS = MetricInfo("cer", "lower", "quality", 0.0, None)
LENGTH = MetricInfo("response_length", "none", "operation", 0.0, None, "characters")


def scores(values, *, signature="fact_recall|v1", name="fact_recall"):
    values = tuple(float(v) for v in values)
    ids = tuple(f"표본-{i:04d}" for i in range(len(values)))
    mean = sum(values) / len(values) if values else 0.0
    return Scores(name, signature, mean, ids, values)


def measure(before, after, *, info=ACCURACY, name="image_analysis.fact_recall", clusters=None, test_data="sha256:t"):
    return Measure(name, info, scores(before), scores(after), clusters, test_data)


def binary(n, before, after):
    """0/1 scores: `before` right answers first, then `after`, both from the first sample on."""
    return [i < before for i in range(n)], [i < after for i in range(n)]


def campaign(rng, n, before, gain):
    """0/1 scores where a share of the wrong answers is put right, so that the true mean is `before * (1 + gain)`."""
    base = rng.random(n) < before
    fixed = rng.random(n) < before * gain / (1 - before)
    return base.astype(float), np.where(fixed, 1.0, base)
