"""Tests of runner.plan.duration."""

from dataclasses import replace

import pytest

from runner.plan.build import build_steps
from runner.plan.duration import UNKNOWN, Duration, History, Past, Rates, duration_of, past_work, work_of
from runner.plan.model import Step
from runner.spec.model import Spec

ROWS = {"images": {"train": 100, "test": 40}, "texts": {"train": 30, "test": 20}}


@pytest.fixture
def steps(spec: Spec) -> dict[str, Step]:
    return {s.id: s for s in build_steps(spec)}


def test_nothing_is_known_before_anything_ran(steps: dict[str, Step]) -> None:
    assert {duration_of(s, History()) for s in steps.values()} == {Duration(None, UNKNOWN)}


def test_work_is_passes_over_rows_and_answers(steps: dict[str, Step]) -> None:
    history = History(rows=ROWS)
    assert work_of(steps["tune/qwen-lora"], history) == 100
    assert work_of(steps["generate/images.test/qwen"], history) == 40
    assert work_of(steps["score/image/before"], history) is None
    assert work_of(steps["tune/qwen-lora"], History()) is None


def test_answers_that_are_given_again_are_counted_as_often_as_they_are_asked_for(steps: dict[str, Step]) -> None:
    main = steps["generate/images.test/qwen"]
    settings = {"max_tokens": 8, "consistency_samples": 10, "consistency_runs": 3}
    again = replace(main, params={**main.params, "settings": settings, "repeat": "consistency"})
    assert work_of(again, History(rows=ROWS)) == 30
    reworded = {**main.params, "repeat": "prompt_consistency", "paraphrases": ["a", "b"], "settings": settings}
    assert work_of(replace(main, params=reworded), History(rows=ROWS)) == 20


def test_the_work_ends_with_the_last_update(steps: dict[str, Step]) -> None:
    tune = steps["tune/qwen-lora"]
    short = replace(tune, params={**tune.params, "train": {**tune.params["train"], "max_updates": 5, "batch_size": 4}})
    assert work_of(short, History(rows=ROWS)) == 20


def test_a_step_takes_what_it_took_scaled_by_its_work(steps: dict[str, Step]) -> None:
    history = History(past=(Past("tune/qwen-lora", "tune", 9.0, "w", 50), Past("tune/qwen-lora", "tune", 8.0, "w", 50)))
    same, more = history, replace(history, rows=ROWS)
    assert duration_of(steps["tune/qwen-lora"], same, weights="w") == Duration(8.0, "its last run")
    assert duration_of(steps["tune/qwen-lora"], more, weights="w").seconds == 16.0


def test_other_weights_say_nothing(steps: dict[str, Step]) -> None:
    history = History(past=(Past("tune/qwen-lora", "tune", 8.0, "w", 50),), rows=ROWS)
    assert duration_of(steps["tune/qwen-lora"], history, weights="other").seconds is None


def test_another_step_on_the_same_weights_gives_its_speed_a_row(steps: dict[str, Step]) -> None:
    history = History(past=(Past("generate/other/x", "generate", 30.0, "w", 60),), rows=ROWS)
    found = duration_of(steps["generate/images.test/qwen"], history, weights="w")
    assert found == Duration(20.0, "as fast a row as generate/other/x")


def test_a_rehearsals_rate_counts_tokens(steps: dict[str, Step]) -> None:
    history = History(rates={"qwen": Rates(50.0, 128.0, 2.0)}, rows=ROWS, tokens={"qwen-lora": 1000.0})
    assert duration_of(steps["tune/qwen-lora"], history).seconds == 22.0
    answers = duration_of(steps["generate/images.test/qwen"], history)
    assert answers.seconds == 2.0 + 40 * 256 / 128
    assert answers.basis.startswith("at most")
    assert answers.at_most


def test_a_tuned_model_answers_about_as_long_as_its_training_does(steps: dict[str, Step]) -> None:
    history = History(rates={"qwen": Rates(50.0, 128.0, 2.0)}, rows=ROWS, answers={"qwen-lora": 32.0})
    tuned = duration_of(steps["generate/images.test/qwen+qwen-lora"], history)
    assert (tuned.seconds, tuned.at_most) == (2.0 + 40 * 32 / 128, False)
    assert duration_of(steps["generate/images.test/qwen"], history).at_most
    longer = replace(history, answers={"qwen-lora": 10_000.0})
    assert duration_of(steps["generate/images.test/qwen+qwen-lora"], longer).seconds == 2.0 + 40 * 256 / 128


def test_light_steps_take_what_their_kind_took(steps: dict[str, Step]) -> None:
    history = History(past=tuple(Past(f"score/x{i}", "score", float(i)) for i in range(1, 4)))
    assert duration_of(steps["score/image/before"], history).seconds == 2.0


def test_a_finished_steps_work_is_read_from_its_measures() -> None:
    assert past_work("tune", {"train": {"batch_size": 8}}, {"updates": 6}) == 48
    assert past_work("generate", {}, {"completions": 12}) == 12
    assert past_work("score", {}, {}) == 0
