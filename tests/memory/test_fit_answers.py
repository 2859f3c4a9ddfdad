"""Tests of runner.memory.fit_answers, the last two with real traces in a child process."""

import dataclasses

import pytest

from benchmarks.memory import Case, config_of
from runner.errors import ExitCode, ResourceError
from runner.memory.choose import budget_for
from runner.memory.fit import fit
from runner.memory.fit_answers import AnswerChoice, answers_of, batches_for, choose_batch
from runner.memory.forecast import AnswerShape, Batch
from runner.memory.model import Forecast
from tests.memory.test_fit import limit_for

GB = 10**9
CONFIG = config_of(Case("answer", hidden=128, layers=2, vocabulary=8000))


def asked(tokens=100, max_tokens=28, rows=300, batch_size=None):
    shape = AnswerShape((), tokens, max_tokens)
    return answers_of(shape, rows=rows, asked=batch_size, place="evaluations.요약.generate")


def tried(*peaks):
    return [Batch((Forecast("answer", peak),), batch=2**n) for n, peak in reversed(list(enumerate(reversed(peaks))))]


def fitted(limit, answers):
    return fit(
        CONFIG,
        dtype="float32",
        tunes={},
        answers={"a": answers},
        names={"a": "generate/요약.test/작은"},
        limit_bytes=limit,
        machine_bytes=None,
        environment={"LORARUN_BLAS": "none"},
    ).answers["a"]


def test_the_batches_are_what_the_engines_would_take_and_its_halves():
    assert batches_for(100, 28, rows=300, asked=None) == (64, 32, 16, 8, 4, 2, 1)
    assert batches_for(4000, 96, rows=300, asked=None) == (4, 2, 1)
    assert batches_for(100, 28, rows=3, asked=None) == (3, 2, 1)
    assert batches_for(100_000, 28, rows=300, asked=None) == (1,)
    assert batches_for(100, 28, rows=300, asked=7) == (7,)  # what the spec fixes is not varied


def test_what_fits_as_the_engines_would_take_it_is_left_to_them():
    found = choose_batch(asked(), tried(3 * GB, 2 * GB, GB), budget_for(20 * GB, None))
    assert (found.batch, found.peak_bytes) == (None, 3 * GB)
    assert choose_batch(asked(batch_size=4), tried(3 * GB)[:1], budget_for(20 * GB, None)).batch == 4


def test_the_first_batch_that_fits_is_taken_and_what_was_refused_is_said():
    found = choose_batch(asked(), tried(30 * GB, 19 * GB, 10 * GB), budget_for(20 * GB, None))
    assert (found.batch, found.peak_bytes) == (1, 10 * GB)
    assert [" would need " in reason for reason in found.reasons] == [True, True, False]
    assert choose_batch(asked(), tried(30 * GB), budget_for(20 * GB, None)) is None
    assert choose_batch(asked(), tried(30 * GB), None).batch is None  # no line to hold


def test_long_prompts_are_answered_fewer_at_a_time_under_a_lower_limit():
    long = asked(tokens=400, max_tokens=100, rows=16)
    roomy = fitted(40 * GB, long)
    tight = fitted(limit_for(roomy.peak_bytes // 2), long)
    assert roomy.batch is None
    assert tight.batch < 16
    assert tight == fitted(limit_for(roomy.peak_bytes // 2), long)  # the same again
    one = dataclasses.replace(long, shape=dataclasses.replace(long.shape, tokens=3000), tokens=3000)
    unsure = fitted(limit_for(roomy.peak_bytes // 2), one)
    assert isinstance(unsure, AnswerChoice)
    assert "known when their tokens are counted" in unsure.reasons[-1]


@pytest.mark.parametrize(("batch_size", "key"), [(None, "max_tokens"), (16, "batch_size")])
def test_answers_that_fit_in_no_way_are_refused_with_the_largest_value_that_does(batch_size, key):
    limit = limit_for(28 * 10**6)
    with pytest.raises(ResourceError, match=r"generate/요약\.test/작은: predicted peak") as found:
        fitted(limit, asked(max_tokens=60_000 if batch_size is None else 6000, batch_size=batch_size))
    assert found.value.exit_code == ExitCode.RESOURCE
    name, _, value = found.value.help.split("`")[1].partition(": ")
    assert name == f"evaluations.요약.generate.{key}"
    less = {"max_tokens": int(value)} if key == "max_tokens" else {"max_tokens": 6000, "batch_size": int(value)}
    assert fitted(limit, asked(tokens=2, **less)).peak_bytes <= budget_for(limit, None).fits_bytes
