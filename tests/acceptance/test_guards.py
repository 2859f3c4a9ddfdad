import math

import numpy as np
import pytest

from runner.acceptance.guards import guarded, judge_guards
from runner.acceptance.model import Measure
from runner.metrics.model import MetricInfo
from runner.metrics.table import METRICS
from runner.spec.model import GuardSpec
from tests.acceptance.cases import ACCURACY, ERRORS, LENGTH, measure, scores

FAILURES = MetricInfo("failure_rate", "lower", "operation", 0.0, 1.0)


def judged(*measures, guards=None, attempts=None):
    named = {m.id: m for m in measures}
    return judge_guards(guards or GuardSpec(), named, seed=19, attempts=attempts or {})


def moved(n, up, down, *, name="a.fact_recall", info=ACCURACY, right=60):
    """0/1 scores of which `up` are put right and `down` lost."""
    before = np.arange(n) < right
    after = before.copy()
    after[:down] = False
    after[right : right + up] = True
    return measure(before, after, name=name, info=info)


def test_a_proven_drop_fails():
    (check,) = judged(moved(100, 0, 10))
    assert (check.status, check.details["statistic"]) == ("fail", "mcnemar")
    assert check.p_value == pytest.approx(2**-10)
    assert check.relative == pytest.approx(-1 / 6)


def test_a_small_drop_that_chance_explains_passes_and_says_what_could_not_be_seen():
    (check,) = judged(moved(100, 2, 4))
    assert check.status == "pass"
    assert f"a drop under {check.details['smallest_visible_drop']:.1%}" in check.reason


def test_a_large_observed_drop_without_proof_warns():
    (check,) = judged(moved(100, 6, 11))
    assert (check.status, check.details["code"]) == ("warn", "observed_drop")


def test_eight_guards_are_judged_as_a_family():
    alone = judged(moved(100, 1, 8))[0]
    family = judged(moved(100, 1, 8), *(moved(100, 8, 8, name=f"b.m{i}") for i in range(7)))[0]
    assert (alone.status, family.status) == ("fail", "warn")
    assert family.details["adjusted_p"] == pytest.approx(8 * family.p_value)


def test_nothing_changed_is_no_drop():
    (check,) = judged(moved(100, 0, 0))
    assert (check.status, check.p_value) == ("pass", 1.0)


def test_a_risen_error_is_a_drop():
    rng = np.random.default_rng(1)
    before = rng.uniform(0.1, 0.3, 80)
    (check,) = judged(measure(before, before + rng.uniform(0, 0.1, 80), info=ERRORS))
    assert (check.status, check.details["statistic"]) == ("fail", "sign-flip")
    assert check.relative < 0


def test_an_allowed_regression_is_allowed_up_to_its_size():
    rng = np.random.default_rng(2)
    before = rng.uniform(0.4, 0.8, 200)
    small = measure(before, before * rng.normal(0.98, 0.02, 200))
    assert judged(small)[0].status == "fail"
    assert judged(small, guards=GuardSpec(max_regression=0.03))[0].status == "pass"
    assert judged(small, guards=GuardSpec(max_regression=0.01))[0].status == "fail"


def test_read_literally_the_smallest_fall_of_a_mean_fails():
    literal = GuardSpec(test="point")
    assert judged(moved(100, 2, 3), guards=literal)[0].status == "fail"
    assert judged(moved(100, 3, 3), guards=literal)[0].status == "pass"
    assert judged(moved(100, 0, 3), guards=GuardSpec(test="point", max_regression=0.05))[0].status == "pass"


def test_noninferiority_must_be_proven():
    strict = GuardSpec(test="noninferior", max_regression=0.05)
    assert judged(moved(400, 20, 6, right=200), guards=strict)[0].status == "pass"
    unsure = judged(moved(100, 6, 6), guards=strict)[0]
    assert (unsure.status, unsure.details["code"]) == ("inconclusive", "not_ruled_out")
    assert unsure.details["samples_needed"] > 100


def test_attempts_ask_for_more_proof_of_noninferiority_and_excuse_no_drop():
    strict = GuardSpec(test="noninferior", max_regression=0.05)
    close = moved(400, 12, 12, right=200)
    assert judged(close, guards=strict)[0].status == "pass"
    assert judged(close, guards=strict, attempts={"sha256:t": 19})[0].status == "inconclusive"
    assert judged(moved(100, 0, 6), attempts={"sha256:t": 19})[0].status == "fail"


def test_quality_guards_leave_operations_and_undirected_metrics_out():
    measures = {
        m.id: m
        for m in (
            moved(50, 1, 1, name="a.fact_recall"),
            moved(50, 1, 1, name="a.failure_rate", info=FAILURES),
            moved(50, 1, 1, name="a.response_length", info=LENGTH),
            moved(50, 1, 1, name="a.determinism", info=METRICS["determinism"]),  # a limit's business
        )
    }
    assert [m.id for m in guarded(GuardSpec(), measures)] == ["a.fact_recall"]
    assert [m.id for m in guarded(GuardSpec(metrics="all"), measures)] == ["a.fact_recall", "a.failure_rate"]
    assert [m.id for m in guarded(GuardSpec(metrics=("failure_rate",)), measures)] == ["a.failure_rate"]


def test_a_listed_guard_that_was_never_measured_is_an_error():
    checks = judged(moved(50, 1, 1), guards=GuardSpec(metrics=("fact_recall", "rouge")))
    assert [c.status for c in checks] == ["pass", "error"]


def test_a_broken_measure_is_an_error_and_spoils_no_other_guard():
    broken = Measure("b.cer", ERRORS, scores([]), scores([]))
    assert {c.id: c.status for c in judged(moved(50, 1, 1), broken)} == {
        "guard.a.fact_recall": "pass",
        "guard.b.cer": "error",
    }


def test_a_baseline_of_zero_is_measured_against_the_range():
    nothing = measure([0.0] * 100, [0.0] * 90 + [1.0] * 10, info=FAILURES, name="a.failure_rate")
    (check,) = judged(nothing, guards=GuardSpec(metrics="all"))
    assert check.status == "fail"
    assert check.relative is None
    few = measure([0.0] * 20, [0.0] * 18 + [1.0] * 2, info=FAILURES, name="a.failure_rate")
    assert judged(few, guards=GuardSpec(metrics="all"))[0].details["code"] == "observed_drop"


def test_clusters_are_flipped_whole():
    before, after = np.ones(60), np.ones(60)
    after[:8] = 0.0
    alone = judged(measure(before, after))[0]
    together = judged(measure(before, after, clusters=tuple(f"문서-{i // 8}" for i in range(60))))[0]
    assert alone.status == "fail"
    assert (together.status, together.p_value, together.details["statistic"]) == ("warn", 0.5, "sign-flip")


def test_the_smallest_visible_drop_shrinks_with_more_samples():
    small = judged(moved(100, 5, 5))[0].details["smallest_visible_drop"]
    large = judged(moved(400, 20, 20, right=240))[0].details["smallest_visible_drop"]
    assert large == pytest.approx(small / 2, rel=0.05)


def test_without_any_change_the_smallest_visible_drop_is_what_mcnemar_needs():
    assert judged(moved(100, 0, 0))[0].details["smallest_visible_drop_points"] == pytest.approx(0.05)


@pytest.mark.parametrize("allowed", [0.0, 0.05])
def test_a_true_drop_of_the_smallest_visible_size_is_proven_eight_times_in_ten(allowed):
    guards = GuardSpec(max_regression=allowed, resamples=499)
    seen = judged(moved(400, 20, 20, right=240), guards=guards)[0].details["smallest_visible_drop_points"]
    rng, proven = np.random.default_rng(11), 0
    for _ in range(100):
        before = np.arange(400) < 240
        lost = before & (rng.random(400) < (0.05 + seen / 2) / 0.6)
        won = ~before & (rng.random(400) < (0.05 - seen / 2) / 0.4)
        proven += judged(measure(before, (before & ~lost) | won), guards=guards)[0].status == "fail"
    assert 0.65 <= proven / 100 <= 0.92


def test_below_the_fewest_losses_that_can_be_proven_no_drop_is():
    visible = judged(moved(100, 0, 0))[0].details["smallest_visible_drop_points"]
    fewest = next(k for k in range(1, 100) if judged(moved(100, 0, k))[0].status == "fail")
    assert fewest / 100 == pytest.approx(visible)


def test_one_sample_proves_no_drop_and_no_number_is_an_error():
    (alone,) = judged(measure([1.0], [0.0], name="a.fact_recall"))
    assert (alone.status, alone.p_value, alone.details["code"]) == ("inconclusive", 0.5, "few_clusters")
    (broken,) = judged(measure([0.5, 0.5], [0.5, math.nan], name="a.fact_recall"))
    assert (broken.status, broken.details["code"]) == ("error", "unusable")


def test_in_a_family_a_drop_must_be_larger_to_be_seen():
    others = [moved(100, 8, 8, name=f"b.m{i}") for i in range(7)]
    alone, family = (judged(moved(100, 0, 0), *more)[0] for more in ([], others))
    assert alone.details["smallest_visible_drop_points"] == pytest.approx(0.05)
    assert family.details["smallest_visible_drop_points"] == pytest.approx(0.08)
    losses = next(k for k in range(1, 100) if judged(moved(100, 0, k), *others)[0].status == "fail")
    assert losses == 8


def test_what_one_guard_could_have_shown_beside_another_counts_them_both():
    other = moved(100, 0, 5, name="b.other")
    still = judged(moved(100, 0, 0), other)[0]
    assert still.details["smallest_visible_drop_points"] == pytest.approx(0.06)
    losses = next(k for k in range(1, 100) if judged(moved(100, 0, k), other)[0].status == "fail")
    assert losses == 6


def documents(n, of):
    """Cluster names of n samples in so many documents."""
    return tuple(f"문서-{i % of}" for i in range(n))


def test_a_collapse_in_too_few_documents_to_prove_it_keeps_the_gate_shut():
    (check,) = judged(measure([1.0] * 100, [0.0] * 100, clusters=documents(100, 4)))
    assert (check.status, check.p_value, check.details["smallest_visible_drop"]) == ("inconclusive", 1 / 16, None)
    assert check.reason == "-100% observed; 4 clusters can't prove a drop, at least 5 could"
    assert judged(measure([1.0] * 100, [0.0] * 100, clusters=documents(100, 5)))[0].status == "fail"


def test_a_guard_that_did_not_fall_holds_on_few_documents_and_says_what_they_are_worth():
    before = np.arange(100) < 60
    (check,) = judged(measure(before, before, clusters=documents(100, 4)))
    assert (check.status, check.reason) == ("pass", "no drop is proven; 4 clusters could not have shown any")
    assert check.details["smallest_visible_drop_points"] is None


def test_no_drop_is_said_to_be_visible_that_is_larger_than_what_there_is_to_lose():
    (check,) = judged(moved(100, 0, 2, right=4))
    assert check.details["smallest_visible_drop"] is None
    assert check.reason == "-50% observed, not proven; 100 samples could not have shown any"


def test_the_smallest_visible_drop_is_of_usual_changes_and_not_of_the_least_one():
    before = np.full(80, 0.5)
    after = before.copy()
    after[:2] += (-0.1, 0.2)
    visible = judged(measure(before, after))[0].details["smallest_visible_drop_points"]
    assert visible == pytest.approx(5 * 0.15 / 80)


def test_metrics_that_could_show_nothing_do_not_weaken_the_proof_of_another():
    lost = moved(100, 2, 12)
    still = [moved(100, 0, 0, name=f"b.still{i}") for i in range(8)]
    alone, beside = judged(lost)[0], judged(lost, *still)[0]
    assert (alone.status, beside.status) == ("fail", "fail")
    assert beside.details["adjusted_p"] == alone.details["adjusted_p"] == alone.p_value
    moving = [moved(100, 9, 9, name=f"b.moving{i}") for i in range(8)]
    assert judged(lost, *moving)[0].status == "warn"


def test_nothing_lost_is_not_proven_by_few_documents():
    strict = GuardSpec(test="noninferior", max_regression=0.05)
    same = [1.0] * 100
    few, enough = (judged(measure(same, same, clusters=documents(100, k)), guards=strict)[0] for k in (4, 5))
    assert (few.status, few.details["code"], enough.status) == ("inconclusive", "few_clusters", "pass")


def test_resamples_too_few_to_prove_a_drop_excuse_none():
    rng = np.random.default_rng(5)
    before = rng.uniform(0.5, 0.9, 100)
    lost = measure(before, before - 0.2, name="a.fact_recall")
    others = [measure(before, before + rng.normal(0, 0.1, 100), name=f"b.m{i}") for i in range(7)]
    few = judged(lost, *others, guards=GuardSpec(resamples=99))[0]
    assert (few.status, few.details["code"]) == ("inconclusive", "few_resamples")
    assert judged(lost, *others, guards=GuardSpec(resamples=999))[0].status == "fail"


def test_a_metric_that_is_at_its_worst_has_nothing_that_could_have_been_seen():
    (check,) = judged(measure([0.0] * 100, [0.0] * 100))
    assert (check.status, check.reason) == ("pass", "no drop is proven")


def test_only_samples_that_stand_alone_are_tested_as_pairs_of_right_and_wrong():
    before = [1.0, 0.0] * 20
    after = [0.0, 0.0] * 20
    alone, in_twos = (
        judged(measure(before, after))[0],
        judged(measure(before, after, clusters=tuple(f"문서-{i // 2}" for i in range(40))))[0],
    )
    assert [c.details["statistic"] for c in (alone, in_twos)] == ["mcnemar", "sign-flip"]
