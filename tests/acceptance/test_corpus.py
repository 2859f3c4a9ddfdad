import numpy as np
import pytest

from runner.acceptance.guards import judge_guards
from runner.acceptance.model import Measure
from runner.acceptance.pairs import pair_of, resample, stream
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
