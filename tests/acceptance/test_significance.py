import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from runner.acceptance.pairs import stream
from runner.acceptance.significance import holm, mcnemar, sign_flip


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
def test_holm_is_statsmodels_holm(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


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
