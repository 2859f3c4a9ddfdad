"""Tests of what stands beside a gain: the shares of a chain's tunings, and simple rules to beat."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.report.explain import Baseline
from runner.report.render import render
from runner.report.view import View, view
from tests.report.sample_campaign import sample_evidence, sample_record


def test_the_shares_of_two_tunings_add_up_to_their_gain() -> None:
    shares = {s.id: s for s in view(sample_record(), sample_evidence(30), ()).shares[0]}
    assert shares["first"].points + shares["second"].points == pytest.approx(shares["total"].points)
    assert shares["chain_adapter"].low is not None
    assert shares["chain_adapter"].low <= shares["chain_adapter"].points <= (shares["chain_adapter"].high or 0)


def test_without_the_arms_there_are_no_shares() -> None:
    rows = [r for r in sample_evidence(6) if r.get("arm") != "qwen-lora>base"]
    assert view(sample_record(), rows, ()).shares == ((),)


def rules(made: View) -> dict[tuple[str, str], Baseline]:
    return {(about.metric, row.rule): row for about in made.baselines for row in about.rows}


def test_rules_come_from_the_record_and_from_the_evidence() -> None:
    found = rules(view(sample_record(), sample_evidence(12), ()))
    assert found["summary.fact_recall", "copy of the input"].value == 0.611
    matched = found["summary.fact_recall", "length_matched"]
    assert 0 <= matched.value <= 1
    assert not matched.beats


def test_a_rule_that_does_as_well_as_the_tuned_model_is_marked() -> None:
    record = sample_record()
    strong = {**record.measures["summary.fact_recall"], "baselines": {"copy": 0.99}}
    made = view(replace(record, measures={**record.measures, "summary.fact_recall": strong}), sample_evidence(3), ())
    assert [rule for (_, rule), row in rules(made).items() if row.beats] == ["copy"]


def test_digests_instead_of_texts_give_no_rules_of_their_own() -> None:
    made = view(replace(sample_record(), evidence_mode="digests"), sample_evidence(3), ())
    assert {rule for _, rule in rules(made)} == {"majority answer", "first 10 words", "copy of the input"}


def test_rules_stand_best_first_beside_what_the_target_asks_for() -> None:
    summary = next(r for r in view(sample_record(), (), ()).baselines if r.metric == "summary.fact_recall")
    assert [row.rule for row in summary.rows] == ["copy of the input", "first 10 words"]
    assert summary.wanted == pytest.approx(0.677 * 1.15)


def test_a_rule_beats_a_metric_that_shall_fall_by_being_lower() -> None:
    record = sample_record()
    checks = [{**c, "direction": "lower", "before": 0.9, "after": 0.6} for c in record.verdict["checks"][:2]]
    made = view(replace(record, verdict={**record.verdict, "checks": checks}), (), ())
    found = rules(made)
    assert found["summary.fact_recall", "first 10 words"].beats
    assert not found["summary.fact_recall", "copy of the input"].beats
    assert made.baselines[1].wanted == pytest.approx(0.9 * 0.85)


def test_baselines_of_metrics_that_are_no_target_are_shown_too() -> None:
    record = sample_record()
    stated = {"baselines": {"lead": 0.0, "copy": {"value": 0.2}}}
    measures = {
        **record.measures,
        "image_analysis.failure_rate": {**record.measures["image_analysis.failure_rate"]} | stated,
    }
    (found,) = view(replace(record, measures=measures), (), ()).more_baselines
    assert (found.metric, found.after) == ("image_analysis.failure_rate", 0.0)
    assert [(row.rule, row.beats) for row in found.rows] == [("lead", True), ("copy", False)]


@pytest.mark.parametrize(("value", "explained"), [(0.0, 1), (0.2, 0)])
def test_the_warning_sign_is_explained_only_where_a_rule_carries_it(value: float, explained: int) -> None:
    record = sample_record()
    failures = {**record.measures["image_analysis.failure_rate"], "baselines": {"lead": value}}
    measures = {**record.measures, "image_analysis.failure_rate": failures}
    made = render(replace(record, measures=measures), (), format="html", language="en", history=())
    assert made.count('<p class="quiet">⚠') == explained
