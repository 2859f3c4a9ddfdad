import itertools
from dataclasses import replace

import numpy as np
import pytest

from runner.acceptance.effects import cluster_contrasts, reading_of
from runner.acceptance.guards import judge_guards
from runner.acceptance.model import Measure
from runner.acceptance.pairs import pair_of, resample, stream
from runner.acceptance.significance import paired_test, swap
from runner.acceptance.targets import judge_target
from runner.metrics.measure import measure as score
from runner.metrics.table import METRICS
from runner.samples.sample import Completion, Sample
from runner.spec.model import GuardSpec, TargetSpec

REFERENCE = "서울은 대한민국의 수도이고 한강이 도시를 가로지른다"


def answered(metric, spoilt):
    """Before and after of 40 answers of unequal length; `spoilt` gives how many characters each answer has wrong."""
    samples = tuple(Sample(f"s{i}", "", REFERENCE * (1 + i % 3)) for i in range(40))
    arms = []
    for arm in range(2):
        texts = [s.reference[: len(s.reference) - spoilt(i, arm)] + "X" * spoilt(i, arm) for i, s in enumerate(samples)]
        completions = tuple(Completion(s.id, t, 9) for s, t in zip(samples, texts, strict=True))
        arms.append(score(metric, {}, samples, completions))
    return Measure(f"a.{metric}", METRICS[metric], arms[0], arms[1])


def test_a_resampled_error_rate_is_all_edits_over_all_characters():
    cer = answered("cer", lambda i, arm: 9 if (i + arm) % 5 == 0 else 2)
    drawn = resample(pair_of(cer), resamples=500, bits=stream(1))
    edits, lengths = np.array(cer.before.statistics).T
    possible = {round(float(b), 12) for b in drawn.before}
    assert len(possible) > 20
    assert drawn.before.mean() == pytest.approx(edits.sum() / lengths.sum(), abs=0.01)
    assert np.mean(cer.before.values) != pytest.approx(edits.sum() / lengths.sum(), abs=1e-3)


@pytest.mark.parametrize("metric", ["cer", "chrf", "bleu"])
def test_a_corpus_metric_can_be_a_target_in_its_own_direction(metric):
    better = answered(metric, lambda i, arm: (8, 3)[arm] + i % 2)
    target = TargetSpec("t", better.id, 0.05, min_samples=10, resamples=999)
    check = judge_target(target, better, attempts=0, seed=1)
    assert (check.status, check.before, check.after) == ("pass", better.before.value, better.after.value)
    worse = Measure(better.id, better.info, better.after, better.before)
    assert judge_target(target, worse, attempts=0, seed=1).status == "fail"


@pytest.mark.parametrize("metric", ["cer", "chrf"])
def test_a_proven_drop_of_a_corpus_metric_fails_its_guard(metric):
    guards = GuardSpec(resamples=999)
    worse = answered(metric, lambda i, arm: (3, 4 + i % 3)[arm])
    (check,) = judge_guards(guards, {worse.id: worse}, seed=1, attempts={})
    assert (check.status, check.details["statistic"]) == ("fail", "swap")
    mixed = answered(metric, lambda i, arm: 3 + (i + arm) % 2)
    assert judge_guards(guards, {mixed.id: mixed}, seed=1, attempts={})[0].status == "pass"


def test_a_small_gain_of_a_corpus_metric_says_how_many_samples_would_decide():
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 9, (40, 2))
    noise[::3, 1] = np.maximum(noise[::3, 1] - 1, 0)
    cer = answered("cer", lambda i, arm: int(noise[i, arm]))
    check = judge_target(
        TargetSpec("t", cer.id, 0.01, min_samples=10, proof="half", resamples=999), cer, attempts=9, seed=1
    )
    assert check.details["code"] == "not_proven"
    assert check.details["samples_needed"] > 40


@pytest.mark.parametrize("metric", ["cer", "chrf"])
def test_a_corpus_metric_may_lose_what_is_allowed_and_no_more(metric):
    worse = answered(metric, lambda i, arm: 4 + (arm and i % 4 == 0))
    loss = abs(worse.after.value - worse.before.value) / worse.before.value

    def judged(allowed):
        guards = GuardSpec(max_regression=allowed, max_observed_drop=1.0, resamples=999)
        (check,) = judge_guards(guards, {worse.id: worse}, seed=1, attempts={})
        return check.status

    assert judged(loss * 1.5) == judged(loss) == "pass"
    assert judged(loss / 4) == "fail"


def test_exactly_the_allowed_loss_on_every_sample_is_no_proven_drop():
    before = answered("cer", lambda i, arm: 4)
    rows = tuple((edits * 1.25, length) for edits, length in before.before.statistics)
    after = replace(before.before, value=before.before.value * 1.25, statistics=rows)
    measure = Measure(before.id, before.info, before.before, after)
    guards = GuardSpec(max_regression=0.25, max_observed_drop=1.0, resamples=999)
    (check,) = judge_guards(guards, {measure.id: measure}, seed=1, attempts={})
    assert (check.status, check.p_value) == ("pass", 1.0)


def test_changing_places_agrees_with_all_patterns_counted():
    cer = answered("cer", lambda i, arm: (3, (3, 5, 2)[i % 3])[arm] if i < 10 else 3)
    pair = pair_of(cer)
    change = pair.after[:10] - pair.before[:10]
    observed, low = pair.after[:, 0].sum() - pair.before[:, 0].sum(), 0
    for pattern in itertools.product([0, 1], repeat=10):
        low += -(observed - 2 * (np.array(pattern) @ change[:, 0])) <= -observed
    drawn = swap(pair, -1, resamples=9999, bits=stream(1))
    assert drawn == pytest.approx(low / 2**10, abs=0.015)


def test_the_leave_one_out_parts_of_a_mean_are_its_changes():
    rng = np.random.default_rng(4)
    rows = tuple((float(edits), 50.0) for edits in rng.integers(0, 9, 40))
    cer = answered("cer", lambda i, arm: 1)
    before = replace(cer.before, statistics=rows, value=sum(r[0] for r in rows) / 2000)
    pair = pair_of(Measure(cer.id, cer.info, before, before))
    parts = cluster_contrasts(reading_of(cer.info, "relative"), pair, -0.1)
    assert parts == pytest.approx([0.1 * edits / 50 for edits, _ in rows])


@pytest.mark.parametrize("least", [0.1, 0.15, 0.2, 0.3])
def test_a_corpus_metric_that_reaches_its_target_exactly_meets_it(least):
    worse = answered("cer", lambda i, arm: 2)
    rows = tuple((edits * (1 - least), length) for edits, length in worse.before.statistics)
    after = replace(worse.before, statistics=rows, value=worse.before.value * (1 - least))
    exact = Measure(worse.id, worse.info, worse.before, after)
    target = TargetSpec("t", worse.id, least, min_samples=10, proof="estimate", resamples=99)
    assert judge_target(target, exact, attempts=0, seed=1).status == "pass"
    more = replace(target, min_improvement=least + 1e-6)
    assert judge_target(more, exact, attempts=0, seed=1).status == "fail"


@pytest.mark.parametrize("metric", ["cer", "chrf", "bleu"])
def test_one_cluster_of_a_corpus_metric_proves_no_drop_beyond_what_is_allowed(metric):
    worse = replace(answered(metric, lambda i, arm: (3, 9)[arm]), clusters=("문서",) * 40)
    guards = GuardSpec(max_regression=0.01, resamples=99)
    (check,) = judge_guards(guards, {worse.id: worse}, seed=1, attempts={})
    assert (check.status, check.p_value) == ("inconclusive", 0.5)


def test_drawn_swaps_of_few_clusters_say_no_less_than_all_of_them_would():
    worse = replace(answered("cer", lambda i, arm: (3, 9)[arm]), clusters=tuple(f"문서-{i % 5}" for i in range(40)))
    pair, reading = pair_of(worse), reading_of(worse.info, "relative")
    found = [paired_test(pair, reading, 0.0, toward=-1, resamples=199, bits=stream(i)).p_value for i in range(12)]
    assert min(found) == 2**-5
