import numpy as np
import pytest
from scipy import stats

from runner.acceptance.effects import lower_bound, upper_bound
from runner.acceptance.pairs import pair_of, resample, stream
from tests.acceptance.cases import measure


def drawn(before, after, *, clusters=None, resamples=9999, seed=1):
    pair = pair_of(measure(before, after, clusters=clusters))
    return resample(pair, resamples=resamples, bits=stream(seed))


def test_percentile_intervals_agree_with_scipy():
    rng = np.random.default_rng(0)
    before = rng.random(80)
    after = np.clip(before + rng.normal(0.05, 0.1, 80), 0, 1)
    change = drawn(before, after).after - drawn(before, after).before
    oracle = stats.bootstrap((after - before,), np.mean, method="percentile", n_resamples=9999, rng=0)
    low, high = oracle.confidence_interval
    assert (lower_bound(change, 0.025), upper_bound(change, 0.025)) == pytest.approx((low, high), abs=0.002)


def test_sums_do_not_depend_on_the_order_of_samples_in_a_cluster():
    rng = np.random.default_rng(1)
    before, after = rng.random(60), rng.random(60)
    names = tuple(f"문서-{i % 7}" for i in range(60))
    order = np.argsort(rng.random(60), kind="stable")
    order = np.concatenate([np.arange(7), order[order >= 7]])  # clusters keep their order of appearance
    plain = drawn(before, after, clusters=names, resamples=99)
    shuffled = drawn(before[order], after[order], clusters=tuple(names[i] for i in order), resamples=99)
    assert np.array_equal(plain.after, shuffled.after)


def test_a_seed_stands_for_the_same_draws_on_every_machine_and_numpy():
    counts = drawn(np.arange(5) / 8, np.arange(5) / 4, resamples=4, seed=19)
    assert counts.before.tolist() == [0.275, 0.225, 0.25, 0.225]


def test_every_sample_is_drawn_equally_often():
    one = np.zeros(10)
    one[9] = 1.0
    assert drawn(one, one).before.mean() == pytest.approx(0.1, abs=0.003)


def test_whole_clusters_are_drawn():
    scores = np.repeat([0.0, 1.0], 50)
    means = set(drawn(scores, scores, clusters=("가",) * 50 + ("나",) * 50, resamples=200).before.tolist())
    assert means == {0.0, 0.5, 1.0}


def test_clusters_of_unequal_size_weigh_by_their_samples():
    scores = [1.0] * 9 + [0.0]
    means = set(drawn(scores, scores, clusters=("큰",) * 9 + ("작은",), resamples=200).before.tolist())
    assert means == {1.0, 0.9, 0.0}


def test_samples_without_a_cluster_stand_alone():
    assert pair_of(measure([0.0] * 4, [1.0] * 4, clusters=("", "", "a", "a"))).clusters == 3


def test_before_and_after_are_drawn_together():
    rng = np.random.default_rng(2)
    before = rng.random(50)
    both = drawn(before, before + 0.25, resamples=500)
    assert np.allclose(both.after - both.before, 0.25, atol=1e-9)


def test_a_bound_needs_enough_resamples():
    assert lower_bound(np.arange(99.0), 0.005) is None
    assert lower_bound(np.arange(99.0), 0.05) == 4.0
    assert upper_bound(np.arange(99.0), 0.05) == 94.0


def test_means_are_observed_without_rounding():
    assert pair_of(measure([0.7] * 3, [0.23] * 3)).observed() == (0.7, 0.23)
