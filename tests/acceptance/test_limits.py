import math

import pytest

from runner.acceptance.limits import judge_limit, judge_memory
from runner.acceptance.model import Quantity
from runner.spec.model import LimitSpec
from tests.acceptance.cases import measure

GB = 10**9
METRIC = "a.fact_recall"


def quantity(value, *, id="determinism", unit="", reason=""):
    return {id: Quantity(id, value, unit, reason)}


@pytest.mark.parametrize(("peak", "status"), [(19.9 * GB, "pass"), (20 * GB, "pass"), (20 * GB + 1, "fail")])
def test_memory_may_reach_the_line_and_not_cross_it(peak, status):
    check = judge_memory(20 * GB, quantity(peak, id="memory.peak", unit="bytes"))
    assert (check.kind, check.status, check.want) == ("memory", status, "at most 20.00 GB")


def test_an_unwatched_run_is_inconclusive():
    assert judge_memory(20 * GB, {}).status == "inconclusive"
    unknown = quantity(None, id="memory.peak", unit="bytes", reason="the sampler died")
    assert judge_memory(20 * GB, unknown).reason == "the sampler died"


def test_a_starved_sampler_makes_the_peak_uncertain_but_a_crossing_certain():
    gaps = quantity(2.0, id="memory.gaps")
    low, high = quantity(9 * GB, id="memory.peak"), quantity(21 * GB, id="memory.peak")
    assert judge_memory(20 * GB, low | gaps).status == "inconclusive"
    assert judge_memory(20 * GB, high | gaps).status == "fail"


@pytest.mark.parametrize(
    ("value", "status"), [(1.0, "pass"), (0.95, "fail"), (None, "inconclusive"), (math.nan, "error")]
)
def test_a_figure_can_be_asked_to_equal(value, status):
    assert judge_limit(LimitSpec("determinism", equals=1.0), {}, quantity(value)).status == status


def test_a_figure_can_be_bounded_on_both_sides():
    limit = LimitSpec("determinism", min=0.2, max=0.8)
    got = [judge_limit(limit, {}, quantity(v)).status for v in (0.1, 0.2, 0.8, 0.9)]
    assert got == ["fail", "pass", "pass", "fail"]


def test_a_metric_can_be_limited_by_its_value_after():
    measures = {"a.fact_recall": measure([0.1, 0.2], [0.8, 0.9], name="a.fact_recall")}
    assert judge_limit(LimitSpec("a.fact_recall", min=0.85), measures, {}).status == "pass"
    assert judge_limit(LimitSpec("a.fact_recall", min=0.9), measures, {}).status == "fail"


def test_a_limit_on_something_never_measured_is_an_error():
    assert judge_limit(LimitSpec("determinsm", equals=1.0), {}, {}).status == "error"


def test_a_limit_on_the_peak_is_a_memory_line():
    check = judge_limit(LimitSpec("memory.peak", max=20 * GB), {}, quantity(21 * GB, id="memory.peak", unit="bytes"))
    assert (check.kind, check.status) == ("memory", "fail")


def test_a_mean_of_exactly_the_limit_keeps_it_where_a_sum_of_floats_falls_beside_it():
    assert math.fsum([0.7] * 3) / 3 < 0.7
    scored = {METRIC: measure([0.5] * 3, [0.7] * 3, name=METRIC)}
    for limit in (LimitSpec(METRIC, min=0.7), LimitSpec(METRIC, max=0.7), LimitSpec(METRIC, equals=0.7)):
        assert judge_limit(limit, scored, {}).status == "pass"
        shorter = LimitSpec("fact_recall", limit.min, limit.max, limit.equals)
        by_short_name = quantity(scored[METRIC].after.value, id="fact_recall")
        assert judge_limit(shorter, scored, by_short_name).status == "pass"
    assert judge_limit(LimitSpec(METRIC, min=0.7001), scored, {}).status == "fail"


def test_a_limit_on_a_measure_without_samples_is_not_kept():
    assert judge_limit(LimitSpec(METRIC, min=0.0), {METRIC: measure([], [], name=METRIC)}, {}).status == "inconclusive"
