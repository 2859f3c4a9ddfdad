"""Which process serves a step: a small one goes on to what comes next, one that held much ends with its model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.plan.model import Step
from runner.run.workers import Workers


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path / "log", 4 * 10**9)
    yield made
    made.close()


def step(kind: str, group: str = "") -> Step:
    return Step(f"{kind}/x", kind, {}, group=group)


def test_a_worker_that_stayed_small_reads_and_serves_one_model_after_the_other(workers):
    reader = workers.serving(step("lengths"))
    assert workers.serving(step("tune", "qwen")) is reader
    assert workers.serving(step("tune", "llama")) is reader
    assert workers.serving(step("lengths")) is reader
    assert reader.worker.process.poll() is None


def test_a_worker_that_held_much_ends_with_its_model_and_reads_nothing_beside_it(workers):
    large = workers.serving(step("tune", "qwen"))
    large.highest_bytes = 10**9
    assert workers.serving(step("generate", "qwen")) is large
    reader = workers.serving(step("lengths"))
    assert reader is not large
    assert workers.serving(step("tune", "llama")) is reader
    assert large.worker.process.poll() is not None
    reader.highest_bytes = 10**9
    assert workers.serving(step("tune", "qwen")) is not reader


def test_steps_without_a_model_stay_apart_from_those_with_one(workers):
    light = workers.serving(step("prepare"))
    assert workers.serving(step("tune", "qwen")) is not light
    assert workers.serving(step("score")) is light
