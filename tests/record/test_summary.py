"""The fields that other systems read."""

from runner.acceptance.model import Measure, Pillar, Scorecard, Verdict
from runner.metrics.model import MetricInfo, Scores
from runner.record.summary import improvement, summarise


def one(direction: str, before: float, after: float) -> Measure:
    info = MetricInfo("m", direction, "quality")
    return Measure("e.m", info, *(Scores("m", "m|v1", v, ("a", "b"), (v, v)) for v in (before, after)))


VERDICT = Verdict(
    "PASS", "", (), Scorecard("Trinity Score", "258.3", "333.3", "333.3", (Pillar("t", "眞", "25", "25", ()),))
)


def test_each_named_field_gives_before_and_after_at_the_top_level():
    summary = summarise({"qwen_accuracy": "e.m"}, {"e.m": one("higher", 0.5, 0.6)}, VERDICT)
    assert summary["qwen_accuracy_before"] == 0.5
    assert summary["qwen_accuracy_after"] == 0.6
    assert round(summary["improvement_percentage"]["qwen_accuracy"], 9) == 20.0
    assert summary["quality_metrics"]["e.m"]["n"] == 2
    assert summary["scorecard"] == {"name": "Trinity Score", "baseline": "258.3", "total": "333.3", "target": "333.3"}


def test_a_field_without_a_measure_is_null_and_not_zero():
    summary = summarise({"qwen_accuracy": "e.m"}, {}, VERDICT)
    assert summary["qwen_accuracy_before"] is None
    assert summary["improvement_percentage"] == {"qwen_accuracy": None}


def test_less_of_a_metric_that_should_be_low_is_an_improvement():
    assert improvement(0.5, 0.25, "lower") == 50.0
    assert improvement(0.5, 0.25, "higher") == -50.0


def test_a_baseline_of_zero_has_no_relative_improvement():
    assert improvement(0.0, 0.3, "higher") is None
