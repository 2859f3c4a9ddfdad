"""Learning rates: they count updates and end where they should."""

import pytest

from runner.engines.schedule import learning_rate
from runner.spec.model import TrainSpec


def rates(total, **settings):
    return [learning_rate(TrainSpec(learning_rate=1.0, **settings), u, total) for u in range(total)]


def test_a_constant_rate_stays():
    assert rates(4, lr_schedule="constant") == [1.0] * 4


def test_a_linear_rate_falls_to_nothing_just_after_the_last_update():
    assert rates(4, lr_schedule="linear") == [1.0, 0.75, 0.5, 0.25]


def test_a_cosine_rate_is_half_in_the_middle():
    made = rates(4, lr_schedule="cosine")
    assert made[0] == 1.0
    assert made[2] == pytest.approx(0.5)
    assert made == sorted(made, reverse=True)
    assert 0 < made[3] < 0.25


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_a_warm_up_rises_and_hands_over_at_the_full_rate(schedule):
    made = rates(10, lr_schedule=schedule, warmup_updates=4)
    assert made[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert made[4] == 1.0


def test_a_warm_up_longer_than_the_training_never_divides_by_zero():
    assert rates(2, lr_schedule="cosine", warmup_updates=9) == pytest.approx([1 / 3, 2 / 3])


def test_the_loop_counts_updates_not_micro_batches(llama, text_samples, tune):
    settings = {"lr_schedule": "linear", "learning_rate": 1e-3, "epochs": 2}
    result = tune(llama, text_samples(8), micro_batch=1, train=settings)
    assert [h["learning_rate"] for h in result.history] == pytest.approx([1e-3, 7.5e-4, 5e-4, 2.5e-4])
