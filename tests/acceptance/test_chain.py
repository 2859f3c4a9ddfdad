import dataclasses

import numpy as np
import pytest

from runner.acceptance.chain import attribute, ledger
from runner.errors import IntegrityError
from runner.metrics.model import MetricInfo
from tests.acceptance.cases import ACCURACY, ERRORS, scores


def share_of(n, right):
    return scores([i < right for i in range(n)])


def arms(**extra):
    table = {
        "base>base": share_of(100, 40),
        "base>llama-lora": share_of(100, 55),
        "qwen-lora>base": share_of(100, 60),
        "qwen-lora>llama-lora": share_of(100, 85),
    }
    return table | extra


def attributed(table, info=ACCURACY, **options):
    return attribute(table, info, first="qwen-lora", second="llama-lora", seed=19, **options)


def points(attribution):
    return {s.id: pytest.approx(s.points, abs=1e-9) for s in attribution.shares}


def test_the_two_shares_add_up_to_the_whole_gain():
    assert points(attributed(arms())) == {"first": 0.25, "second": 0.20, "interaction": 0.10, "total": 0.45}


def test_an_error_that_falls_is_a_gain():
    turned = {name: scores([1 - v for v in s.values]) for name, s in arms().items()}
    assert points(attributed(turned, ERRORS)) == points(attributed(arms()))


def test_what_tuning_on_the_chain_adds_is_shown_apart():
    third = arms(**{"qwen-lora>chain-lora": share_of(100, 83)})
    result = attributed(third, chain_adapter="chain-lora")
    assert result.seconds == ("base", "llama-lora", "chain-lora")
    assert points(result)["chain_adapter"] == -0.02


def test_the_right_analysis_shows_which_stage_loses():
    result = attributed(arms(**{"reference>llama-lora": share_of(100, 95)}))
    assert points(result)["lost_first"] == -0.10
    assert points(result)["lost_second"] == -0.05


def test_shares_have_intervals_over_the_same_draws():
    total = next(s for s in attributed(arms()).shares if s.id == "total")
    assert 0.3 < total.low < 0.45 < total.high < 0.6
    same = dict.fromkeys(arms(), share_of(100, 40))
    assert all(s.low == s.high == 0 for s in attributed(same).shares)


def test_one_cluster_has_no_interval():
    assert attributed(arms(), clusters=("문서",) * 100).shares[0].low is None


def test_a_missing_arm_is_named():
    table = arms()
    del table["base>llama-lora"]
    with pytest.raises(IntegrityError, match="base>llama-lora"):
        attributed(table)


def test_arms_over_other_samples_are_refused():
    with pytest.raises(IntegrityError, match="same samples"):
        attributed(arms(**{"base>llama-lora": share_of(99, 55)}))


def chain():
    return {
        "analysis": (scores([0, 1, 1, 0, 0, 1]), scores([1, 1, 1, 1, 0, 0])),
        "summary": (scores([0, 1, 0, 0, 0, 1]), scores([1, 1, 1, 0, 0, 0])),
    }


def test_every_sample_has_a_fate_in_every_stage():
    book = ledger(chain(), ACCURACY)
    assert [e.stages[1] for e in book.entries] == ["fixed", "kept", "fixed", "still_wrong", "still_wrong", "regressed"]
    assert book.counts["summary"] == {"fixed": 2, "regressed": 1, "kept": 1, "still_wrong": 2}
    assert sum(book.counts["analysis"].values()) == 6


def test_a_wrong_end_is_lost_at_the_first_stage_that_was_wrong():
    book = ledger(chain(), ACCURACY)
    assert [e.lost_at for e in book.entries] == ["", "", "", "summary", "analysis", "analysis"]
    assert book.lost == {"analysis": 2, "summary": 1}


def test_with_the_right_analysis_at_hand_blame_is_measured():
    book = ledger(chain(), ACCURACY, oracle=scores([1, 1, 1, 0, 0, 1]))
    assert [e.lost_at for e in book.entries[3:]] == ["summary", "summary", "analysis"]


def test_right_may_be_less_than_perfect_and_lower_may_be_better():
    graded = {"end": (scores([0.2, 0.9]), scores([0.8, 0.7]))}
    assert [e.stages[0] for e in ledger(graded, ACCURACY, right_at=0.75).entries] == ["fixed", "regressed"]
    assert [e.stages[0] for e in ledger(graded, ERRORS, right_at=0.75).entries] == ["regressed", "fixed"]


def test_without_a_best_value_one_must_say_what_is_right():
    with pytest.raises(IntegrityError, match="from which score"):
        ledger(chain(), MetricInfo("score", "higher", "quality"))


def test_stages_over_other_samples_are_refused():
    broken = chain() | {"summary": (scores([0] * 5), scores([1] * 5))}
    with pytest.raises(IntegrityError, match="same samples"):
        ledger(broken, ACCURACY)


def test_shares_add_up_on_random_tables():
    rng = np.random.default_rng(6)
    table = {name: scores(rng.random(40)) for name in arms()}
    result = attributed(table)
    by_id = {s.id: s.points for s in result.shares}
    assert by_id["first"] + by_id["second"] == pytest.approx(by_id["total"], abs=1e-9)
    assert dataclasses.replace(result, shares=()).n == 40
