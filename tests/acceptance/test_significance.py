import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from runner.acceptance.effects import reading_of
from runner.acceptance.pairs import pair_of, stream
from runner.acceptance.significance import PairedTest, divisor, mcnemar, paired_test, sign_flip, step_down
from tests.acceptance.cases import ACCURACY, measure


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_the_one_sided_binomial_test(better, worse):
    if better + worse == 0:
        assert mcnemar(better, worse) == 1.0
        return
    oracle = stats.binomtest(worse, better + worse, 0.5, alternative="greater").pvalue
    assert mcnemar(better, worse) == pytest.approx(oracle, rel=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_where_every_test_could_speak_holms_steps_are_those_of_statsmodels(p_values):
    tests = [PairedTest("", p, 0.0) for p in p_values]
    assert step_down(tests, 0.05) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


def test_sign_flips_of_few_differences_are_counted_exactly():
    differences = np.array([-3.0, -1.0, 2.0, 0.0, -4.0, -2.0])
    oracle = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", alternative="less", n_resamples=math.inf
    )
    assert sign_flip(differences, resamples=99, bits=stream(1)) == pytest.approx(oracle.pvalue)


@pytest.mark.parametrize("shift", [-0.03, 0.0, 0.02])
def test_drawn_sign_flips_agree_with_scipy(shift):
    rng = np.random.default_rng(4)
    differences = np.rint((shift + rng.normal(0, 0.1, 60)) * 1e9)
    oracle = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", alternative="less", n_resamples=9999, rng=0
    )
    assert sign_flip(differences, resamples=9999, bits=stream(1)) == pytest.approx(oracle.pvalue, abs=0.015)


def test_a_drawn_p_value_is_never_zero():
    assert sign_flip(-np.ones(200), resamples=999, bits=stream(1)) == pytest.approx(1 / 1000)


def test_sign_flips_keep_their_level_when_nothing_changed():
    rng = np.random.default_rng(8)
    alarms = sum(sign_flip(np.rint(rng.normal(0, 1e6, 30)), resamples=399, bits=stream(i)) <= 0.05 for i in range(400))
    assert alarms / 400 <= 0.08


def test_counted_patterns_in_reach_of_drawing_give_nearly_the_same():
    differences = np.rint(np.random.default_rng(3).normal(-0.2, 1, 13) * 1e6)
    counted = sign_flip(differences, resamples=1, bits=stream(1))
    drawn = sign_flip(np.append(differences, 1e-9), resamples=20000, bits=stream(1))
    assert drawn == pytest.approx(counted, abs=0.012)


def test_a_family_is_divided_by_those_that_could_reach_what_is_left_for_each():
    assert divisor([0.5**14, 1.0, 1.0, 1.0], 0.05) == 1
    assert divisor([0.001, 0.02, 0.03, 0.04], 0.05) == 2
    assert divisor([0.0] * 7, 0.05) == 7
    assert divisor([], 0.05) == 1


def test_each_step_counts_those_that_are_left():
    tests = [PairedTest("", 0.01, 0.001), PairedTest("", 0.024, 0.02), PairedTest("", 0.9, 0.03)]
    assert step_down(tests, 0.05) == pytest.approx((0.02, 0.048, 0.9))


def test_false_alarms_of_a_family_of_few_changes_stay_under_alpha():
    rng, alarms = np.random.default_rng(6), 0
    for _ in range(2000):
        moved = rng.integers(0, 12, 8)
        tests = [
            PairedTest("", mcnemar(n - k, k), 0.5**n) for n, k in zip(moved, rng.binomial(moved, 0.5), strict=True)
        ]
        alarms += min(step_down(tests, 0.05)) <= 0.05
    assert 0.005 <= alarms / 2000 <= 0.05


@pytest.mark.parametrize("clusters", [None, tuple(f"문서-{i % 20}" for i in range(60))])
def test_a_gain_is_tested_as_a_drop_of_the_arms_in_the_other_order(clusters):
    rng = np.random.default_rng(3)
    before, after = rng.integers(0, 2, (2, 60)).astype(float)
    up, down = (pair_of(measure(b, a, clusters=clusters)) for b, a in ((before, after), (after, before)))
    reading = reading_of(ACCURACY, "relative")
    gain = paired_test(up, reading, 0.0, toward=1, resamples=999, bits=stream(1))
    assert gain == paired_test(down, reading, 0.0, toward=-1, resamples=999, bits=stream(1))


def test_no_p_value_is_under_the_least_that_the_clusters_allow():
    pair = pair_of(measure([0.0] * 30, [0.5] * 30, clusters=tuple(f"문서-{i % 3}" for i in range(30))))
    test = paired_test(pair, reading_of(ACCURACY, "relative"), 0.0, toward=1, resamples=99, bits=stream(1))
    assert (test.name, test.p_value, test.least) == ("sign-flip", 1 / 8, 1 / 8)
