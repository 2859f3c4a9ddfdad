import math
from dataclasses import replace

import numpy as np
import pytest

from runner.acceptance.model import Measure
from runner.acceptance.targets import judge_target
from runner.metrics.model import Scores
from runner.spec.model import TargetSpec
from tests.acceptance.cases import ACCURACY, ERRORS, LENGTH, binary, measure, scores

METRIC = "image_analysis.fact_recall"


def target(**changes):
    options = {"id": "qwen_accuracy", "metric": METRIC, "min_improvement": 0.15, "resamples": 999} | changes
    return TargetSpec(**options)


def judged(before, after, *, attempts=0, seed=19, info=ACCURACY, clusters=None, **changes):
    return judge_target(
        target(**changes), measure(before, after, info=info, clusters=clusters), attempts=attempts, seed=seed
    )


def test_a_gain_that_is_large_and_proven_passes():
    check = judged(*binary(200, 100, 140))
    assert (check.status, check.before, check.after) == ("pass", 0.5, 0.7)
    assert check.relative == pytest.approx(0.4)
    assert check.points == pytest.approx(0.2)
    assert 0 < check.low < 0.4 < check.high
    assert check.details["code"] == "proven"


def test_a_gain_below_the_target_fails():
    check = judged(*binary(200, 100, 110))
    assert (check.status, check.details["code"]) == ("fail", "below_target")
    assert check.reason == "+10% is below +15%"


def test_a_gain_of_exactly_the_target_meets_it():
    assert judged(*binary(100, 60, 69), proof="estimate").status == "pass"
    assert judged(*binary(100, 60, 68), proof="estimate").status == "fail"
    assert 9 / 100 < 0.2 * (45 / 100)  # what floats say of a gain of exactly 20 %
    assert judged(*binary(100, 45, 54), min_improvement=0.2, proof="estimate").status == "pass"


def test_thresholds_are_exact_where_floats_are_not():
    before, after = [0.6] * 100, [0.69] * 100
    assert (0.69 - 0.6) / 0.6 < 0.15  # what floats say
    assert judged(before, after, proof="estimate").status == "pass"
    assert judged([1 / 3] * 99 + [0.0], [2 / 3] * 99 + [0.0], proof="estimate", min_improvement=1.0).status == "pass"


def test_a_lower_error_is_a_gain_where_lower_is_better():
    rng = np.random.default_rng(0)
    before = rng.uniform(0.2, 0.4, 150)
    check = judged(before, before * 0.8, info=ERRORS)
    assert check.status == "pass"
    assert check.relative == pytest.approx(0.2)
    assert check.points > 0
    assert judged(before, before * 1.2, info=ERRORS).relative == pytest.approx(-0.2)


def test_points_and_error_reduction_are_other_readings_of_the_same_change():
    before, after = binary(200, 160, 180)  # 0.80 → 0.90
    assert judged(before, after, kind="points", min_improvement=0.1, proof="estimate").status == "pass"
    assert judged(before, after, kind="points", min_improvement=0.11, proof="estimate").status == "fail"
    assert judged(before, after, kind="error_reduction", min_improvement=0.5, proof="estimate").status == "pass"
    assert judged(before, after, kind="error_reduction", min_improvement=0.51, proof="estimate").status == "fail"


def test_the_interval_is_of_the_reading_that_was_asked_for():
    check = judged(*binary(200, 160, 180), kind="error_reduction", min_improvement=0.5)
    assert check.effect == "error_reduction"
    assert check.low < 0.5 < check.high
    assert "50% of the error" in check.got


def test_a_small_noisy_gain_is_inconclusive_and_says_how_many_samples_would_decide():
    rng = np.random.default_rng(3)
    before = (rng.random(100) < 0.3).astype(float)
    after = before.copy()
    after[np.flatnonzero(before == 0)[:12]] = 1.0
    after[np.flatnonzero(before == 1)[:7]] = 0.0
    check = judged(before, after)
    assert check.status == "inconclusive"
    assert check.details["code"] == "not_proven"
    assert check.details["samples_needed"] > 100
    assert f"about {check.details['samples_needed']} samples" in check.reason


def test_samples_needed_would_indeed_decide_it_eight_times_in_ten():
    rng = np.random.default_rng(5)
    step = np.repeat([1.0, -1.0, 0.0], [14, 8, 98])
    before = np.repeat([0.0, 1.0, 1.0, 0.0], [14, 8, 12, 86])
    check = judged(before, before + step)
    assert check.details["code"] == "not_proven"
    n, proven = check.details["samples_needed"], 0
    for i in range(60):
        drawn = rng.integers(0, 120, n)
        proven += (
            judged(before[drawn], (before + step)[drawn], seed=i, min_improvement=0.001, resamples=199).status == "pass"
        )
    assert 0.65 <= proven / 60 <= 0.95


@pytest.mark.parametrize(
    ("proof", "status"), [("above_baseline", "pass"), ("half", "pass"), ("target", "inconclusive")]
)
def test_stronger_proofs_ask_for_more(proof, status):
    assert judged(*binary(200, 100, 122), proof=proof).status == status


def test_a_clear_gain_proves_even_the_whole_target():
    assert judged(*binary(400, 200, 300), proof="target").status == "pass"


def test_a_baseline_of_zero_has_no_relative_change():
    check = judged(*binary(100, 0, 50))
    assert (check.status, check.details["code"]) == ("fail", "baseline_zero")
    assert "kind: points" in check.reason
    assert check.relative is None
    assert check.low is None
    assert judged(*binary(100, 0, 50), kind="points").status == "pass"
    assert judged(*binary(100, 0, 50), kind="error_reduction").status == "pass"


def test_everything_failed_before_and_after_is_not_a_pass():
    check = judged([0.0] * 100, [0.0] * 100)
    assert (check.status, check.details["code"]) == ("fail", "baseline_zero")
    assert judged([0.0] * 100, [0.0] * 100, kind="points").details["code"] == "identical"


def test_everything_failed_after_is_a_loss_of_all():
    check = judged([1.0, 0.0] * 50, [0.0] * 100)
    assert check.status == "fail"
    assert check.relative == -1.0


def test_a_target_beyond_the_range_is_said_to_be_out_of_reach():
    check = judged(*binary(100, 90, 100))
    assert (check.status, check.details["code"]) == ("fail", "unreachable")
    assert "from 0.9 a perfect result is +11.1%, not +15%" in check.reason
    assert judged(*binary(100, 90, 100), kind="error_reduction", min_improvement=0.5).status == "pass"


def test_an_error_that_can_fall_to_nothing_at_most_has_a_reach_too():
    check = judged([0.5] * 100, [0.0] * 100, info=ERRORS, min_improvement=1.5)
    assert check.details["code"] == "unreachable"


def test_a_perfect_baseline_has_no_error_left():
    check = judged([1.0] * 100, [1.0] * 100, kind="error_reduction", min_improvement=0.1)
    assert (check.status, check.details["code"]) == ("fail", "baseline_perfect")


def test_a_metric_without_a_best_value_has_no_error_to_reduce():
    open_ended = LENGTH.__class__("score", "higher", "quality")
    assert judged([1.0] * 100, [2.0] * 100, info=open_ended, kind="error_reduction").details["code"] == "no_best_value"


def test_identical_answers_before_and_after_fail_and_say_so():
    before, _ = binary(100, 60, 60)
    check = judged(before, before)
    assert (check.status, check.details["code"]) == ("fail", "identical")
    assert check.low == check.high == 0


def test_identical_answers_meet_a_target_of_nothing_but_prove_nothing():
    before, _ = binary(100, 60, 60)
    check = judged(before, before, min_improvement=0.0)
    assert (check.status, check.details["samples_needed"]) == ("inconclusive", None)


def test_one_sample_proves_nothing():
    assert judged([0.0], [1.0], kind="points").details["code"] == "few_samples"
    check = judged([0.0], [1.0], kind="points", min_samples=1)
    assert (check.status, check.details["code"]) == ("inconclusive", "few_clusters")
    assert check.low is None


def test_one_cluster_proves_nothing_however_many_samples_it_has():
    check = judged(*binary(100, 20, 90), clusters=("문서",) * 100)
    assert (check.status, check.details["code"], check.clusters) == ("inconclusive", "few_clusters", 1)


def test_so_few_clusters_that_all_of_them_could_not_prove_it_prove_nothing():
    names = tuple(f"문서-{i % 5}" for i in range(100))
    check = judged([0.3] * 100, [0.9] * 100, clusters=names, confidence=0.98)
    assert check.reason == "+200% observed, but 5 clusters can't prove it at 0.98, at least 6 could"
    assert check.details["samples_needed"] == 120
    assert judged([0.3] * 100, [0.9] * 100, clusters=names).status == "pass"
    assert judged([0.3] * 100, [0.9] * 100, clusters=names, attempts=1).status == "inconclusive"


@pytest.mark.parametrize(("won", "confidence", "status"), [(4, 0.95, "inconclusive"), (5, 0.95, "pass"),
                                                           (5, 0.98, "inconclusive"), (6, 0.98, "pass")])  # fmt: skip
def test_a_handful_of_answers_put_right_is_proven_where_the_exact_test_says_so_too(won, confidence, status):
    check = judged(*binary(100, 10, 10 + won), confidence=confidence)
    assert (check.status, check.p_value, check.details["statistic"]) == (status, 0.5**won, "mcnemar")
    assert check.details["lower_bound"] > 0  # the resamples alone would have called it proven


def test_it_takes_more_samples_than_there_were_to_decide_what_they_did_not():
    before, after = [0.0] * 7, [1.0] * 5 + [0.0] * 2
    check = judged(before, after, kind="points", min_samples=1, confidence=0.98)
    assert (check.details["code"], check.details["samples_needed"]) == ("not_proven", 8)


def test_the_same_question_asked_again_is_not_counted_as_another():
    before, after = binary(100, 20, 90)
    again = judge_target(target(), replace(measure(before, after), inputs=20), attempts=0, seed=1)
    assert again.reason == "100 samples, 20 different, at least 100 are asked for"
    assert (again.status, again.details["code"]) == ("inconclusive", "few_samples")


def test_fewer_samples_than_asked_for_are_inconclusive_whatever_they_show():
    check = judged(*binary(50, 10, 50))
    assert (check.status, check.details["samples_needed"]) == ("inconclusive", 100)


def test_no_samples_are_an_error_and_not_a_score():
    assert judged([], []).status == "error"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_an_error_that_names_its_sample(bad):
    check = judged([0.5] * 100, [0.5] * 99 + [bad])
    assert check.status == "error"
    assert "표본-0099" in check.reason


def test_an_aggregate_that_is_no_number_is_an_error():
    broken = replace(scores([0.5] * 100), value=math.nan)
    check = judge_target(target(), Measure(METRIC, ACCURACY, broken, broken), attempts=0, seed=1)
    assert (check.status, check.reason) == ("error", "the aggregate is nan (before)")


def test_unpaired_samples_are_an_error():
    assert judged([0.0] * 100, [1.0] * 99).status == "error"


def test_scores_measured_by_different_code_are_not_compared():
    before = scores([0.5] * 100)
    after = scores([0.9] * 100, signature="fact_recall|v2")
    check = judge_target(target(), Measure(METRIC, ACCURACY, before, after), attempts=0, seed=1)
    assert check.status == "error"
    assert "fact_recall|v2" in check.reason


def test_a_target_that_was_never_measured_is_an_error():
    assert judge_target(target(), None, attempts=0, seed=1).status == "error"


def test_a_metric_without_a_direction_can_not_be_a_target():
    assert judged([1.0] * 100, [2.0] * 100, info=LENGTH).details["code"] == "no_direction"


def test_attempts_on_the_same_test_data_ask_for_a_stronger_proof():
    before = [1.0, 0.0] * 50
    after = list(before)
    for i in range(1, 29, 2):
        after[i] = 1.0  # 14 put right
    for i in range(0, 10, 2):
        after[i] = 0.0  # 5 lost
    first = judged(before, after, min_improvement=0.1, resamples=9999)
    tenth = judged(before, after, min_improvement=0.1, resamples=9999, attempts=9)
    assert (first.status, tenth.status) == ("pass", "inconclusive")
    assert tenth.details["alpha"] == pytest.approx(0.005)
    assert tenth.details["attempts"] == 10


def test_more_attempts_than_agreed_fail():
    check = judged(*binary(200, 100, 140), attempts=3, max_attempts=3)
    assert (check.status, check.details["code"]) == ("fail", "attempts")
    assert judged(*binary(200, 100, 140), attempts=2, max_attempts=3).status == "pass"


def test_an_alpha_too_small_for_the_resamples_is_inconclusive():
    assert judged(*binary(200, 100, 160), attempts=99, resamples=999).details["code"] == "few_resamples"


def test_clusters_are_resampled_whole():
    rng = np.random.default_rng(7)
    documents = rng.random(40)
    gain = np.repeat(rng.normal(0.05, 0.15, 40), 5)  # the five questions of a document move together
    before = np.repeat(documents * 0.5 + 0.2, 5)
    names = tuple(f"문서-{i // 5}" for i in range(200))
    alone, together = judged(before, before + gain), judged(before, before + gain, clusters=names)
    assert together.clusters == 40
    assert alone.clusters is None
    assert together.high - together.low > 1.8 * (alone.high - alone.low)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    before, after = binary(150, 70, 100)
    assert judged(before, after, seed=1) == judged(before, after, seed=1)
    assert judged(before, after, seed=1).low != judged(before, after, seed=2).low


def test_statistics_that_are_not_finite_are_an_error():
    rows = tuple((math.nan, 1.0) for _ in range(3))
    broken = Scores("cer", "cer|v1", 0.1, ("a", "b", "c"), (0.1, 0.1, 0.1), rows)
    check = judge_target(target(), Measure(METRIC, ERRORS, broken, broken), attempts=0, seed=1)
    assert check.status == "error"
    assert "`a`" in check.reason


def test_samples_that_move_together_are_needed_in_whole_clusters():
    step = np.repeat([1.0, -1.0, 0.0], [14, 8, 98])
    before = np.repeat([0.0, 1.0, 1.0, 0.0], [14, 8, 12, 86])
    alone = judged(before, before + step)
    twins = tuple(f"문서-{i // 2}" for i in range(240))
    together = judged(np.repeat(before, 2), np.repeat(before + step, 2), clusters=twins)
    assert alone.details["samples_needed"] * 2 == together.details["samples_needed"]
