"""Failures by kind, lengths, consistency and determinism."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import InvalidError
from runner.metrics.failures import failure_of, is_repeating
from runner.metrics.measure import details, measure
from runner.samples import Completion
from tests.metrics.made import answers, repeats, samples


@pytest.mark.parametrize(
    ("text", "finish_reason", "kind"),
    [
        ("서울", "stop", ""),
        (" \n\t", "stop", "empty"),
        ("서울은", "length", "truncated"),
        ("", "length", "empty"),
        ("답: " + "서울은 " * 12, "stop", "repetition"),
        ("아" * 40, "stop", "repetition"),
        ("The lamp is red and the stamp is a star. " * 4, "stop", "repetition"),
        ("no no no", "stop", ""),
        ("1000000", "stop", ""),
        ("표\n" + "-" * 80, "stop", ""),
        ("ㅋㅋㅋㅋㅋㅋ", "stop", ""),
    ],
)
def test_kinds_of_failure(text, finish_reason, kind):
    assert failure_of(Completion("s", text, 1, finish_reason)) == kind


def test_a_right_answer_that_repeats_itself_may_be_given():
    zeros = "0, " * 12 + "0"
    rows = samples([zeros, "7"])
    both = answers([zeros, zeros])
    assert measure("failure_rate", {}, rows, both).values == (0.0, 1.0)
    assert measure("exact_match", {}, rows, both).values == (1.0, 0.0)


@given(st.text(alphabet="가나다라abc ", min_size=1, max_size=12).filter(str.strip), st.text(max_size=20))
def test_whatever_ends_in_a_loop_is_repeating_wherever_the_loop_is_cut(unit, head):
    looped = head + unit * 40
    assert is_repeating(looped)
    assert is_repeating(looped[: len(looped) - len(unit) // 2])


def test_failures_are_counted_by_kind_with_an_interval():
    rows = samples(["x"] * 4)
    given_answers = (*answers(["ok", "", "fine"]), Completion("s3", "cut", 5, "length"))
    assert measure("failure_rate", {}, rows, given_answers).value == 0.5
    figures = details("failure_rate", {}, rows, given_answers)
    assert {k: figures[k] for k in ("empty", "truncated", "repetition", "unparsable")} == {
        "empty": 1,
        "truncated": 1,
        "repetition": 0,
        "unparsable": 0,
    }
    assert (figures["low"], figures["high"]) == pytest.approx((0.15003898915214942, 0.8499610108478506))


def test_lengths_are_counted_in_characters_or_tokens_with_median_and_tail():
    rows = samples(["x"] * 20)
    given_answers = answers(["가나 다"] * 19 + ["가" * 23])
    assert measure("response_length", {}, rows, given_answers).value == 4.95
    assert measure("response_length", {"unit": "tokens"}, rows, given_answers).value == 1.95
    assert details("response_length", {}, rows, given_answers) == {"p50": 4, "p95": 4, "least": 4, "most": 23}


def test_consistency_is_the_mean_similarity_of_all_pairs_of_runs():
    rows = samples(["x", "x", "x"])
    more = repeats(["abcd", "abcd", "abce"], sample=0) + repeats(["가", "가", ""], sample=1) + repeats(["z"], sample=2)
    scores = measure("consistency", {}, rows, (*answers(["a", "b", "c"]), *more))
    assert scores.sample_ids == ("s0", "s1")
    assert scores.values == pytest.approx(((1 + 0.75 + 0.75) / 3, 1 / 3))
    exact = measure("consistency", {"similarity": "exact"}, rows, (*answers(["a", "b", "c"]), *more))
    assert exact.values == pytest.approx((1 / 3, 1 / 3))
    assert details("consistency", {}, rows, (*answers(["a", "b", "c"]), *more)) == {
        "majority_share": pytest.approx(2 / 3),
        "runs": 3,
    }


@given(st.lists(st.text(alphabet="가나ab ", max_size=8), min_size=2, max_size=4))
def test_consistency_does_not_depend_on_the_order_of_runs(texts):
    rows = samples(["x"])
    values = {
        measure("consistency", {}, rows, (*answers(["a"]), *repeats(order))).value for order in (texts, texts[::-1])
    }
    assert max(values) - min(values) < 1e-12


def test_determinism_compares_bytes_not_normal_forms():
    rows = samples(["x"] * 3)
    main = answers(["각", "", "끝"])
    more = (
        *repeats(["\u1100\u1161\u11a8"], sample=0, kind="greedy"),
        dataclasses.replace(main[1], kind="greedy", run=1),
        dataclasses.replace(main[2], kind="greedy", run=1, finish_reason="length"),
    )
    assert measure("determinism", {}, rows, (*main, *more)).values == (0.0, 1.0, 0.0)


def test_paraphrases_are_compared_with_the_answer_to_the_prompt_itself():
    rows = samples(["x", "x"])
    more = repeats(["abcd", "abce"], sample=0, kind="paraphrased")
    scores = measure("prompt_consistency", {}, rows, (*answers(["abcd", "z"]), *more))
    assert scores.sample_ids == ("s0",)
    assert scores.values == pytest.approx(((1 + 0.75 + 0.75) / 3,))
    found = details("prompt_consistency", {}, rows, (*answers(["abcd", "z"]), *more))
    assert found == {"majority_share": pytest.approx(2 / 3), "runs": 3}
    with pytest.raises(InvalidError, match="paraphrased"):
        measure("prompt_consistency", {}, rows, answers(["a", "b"]))


@pytest.mark.parametrize(
    ("format", "text", "is_right"),
    [
        ("number", "1,234.5 %", True),
        ("number", "약 12", False),
        ("json", "[1, 2]", True),
        ("json_object", "[1, 2]", False),
        ("json_object", '```json\n{"상태": "점검"}\n```', True),
        ("line", "한 줄", True),
        ("line", "첫 줄\n둘째 줄", False),
        ("any", "첫 줄\n둘째 줄", True),
    ],
)
def test_an_answer_that_is_not_what_the_evaluation_asks_for_has_failed_for_every_metric(format, text, is_right):
    rows, given_answers = samples([text, text]), answers([text, "{"])
    assert measure("exact_match", {}, rows, given_answers, format=format).values[0] == float(is_right)
    assert measure("failure_rate", {}, rows, given_answers, format=format).values[0] == float(not is_right)
    assert details("failure_rate", {}, rows, given_answers, format=format)["unparsable"] >= float(not is_right)


def test_what_an_evaluation_asks_for_is_in_the_signature():
    rows = samples(["1"])
    assert measure("cer", {}, rows, answers(["1"])).signature == "cer|v1|level=character"
    assert measure("cer", {}, rows, answers(["1"]), format="number").signature.endswith("|expects=number")


def test_a_failure_rate_of_its_own_format_overrules_the_evaluations():
    own = measure("failure_rate", {"format": "json"}, samples(["x"]), answers(["[1]"]), format="number")
    assert own.values == (0.0,)


def test_metrics_of_repeats_say_when_there_are_none():
    with pytest.raises(InvalidError, match="at least two sampled"):
        measure("consistency", {}, samples(["x"]), answers(["x"]) + repeats(["x"]))
    with pytest.raises(InvalidError, match="second greedy"):
        measure("determinism", {}, samples(["x"]), answers(["x"]))


def test_the_tail_of_lengths_is_the_nearest_rank_of_composed_characters():
    figures = details("response_length", {}, samples(["x"] * 20), answers(["\u1100\u1161"] * 18 + ["가" * 9] * 2))
    assert figures == {"p50": 1, "p95": 9, "least": 1, "most": 9}
