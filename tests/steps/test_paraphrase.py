"""Tests of runner.steps.paraphrase."""

import pytest

from runner.errors import InvalidError
from runner.samples.sample import Sample
from runner.steps.paraphrase import chosen, reworded

SAMPLES = tuple(Sample(f"s{n}", f"질문 {n}", "답") for n in range(40))


def test_the_same_samples_are_chosen_in_whatever_order_they_come() -> None:
    few = chosen(SAMPLES, 7, seed=19, stream="generate/x/1")
    assert len(few) == 7
    assert {s.id for s in chosen(SAMPLES[::-1], 7, seed=19, stream="generate/x/1")} == {s.id for s in few}
    assert [s.id for s in few] == [s.id for s in SAMPLES if s in few]
    assert chosen(SAMPLES, 7, seed=20, stream="generate/x/1") != few
    assert chosen(SAMPLES, 100, seed=1, stream="") == SAMPLES


def test_a_paraphrase_is_filled_with_the_prompt_the_columns_and_earlier_answers() -> None:
    sample = Sample("a", "요약하라: 글", "답", fields={"title": "제목 {x}"})
    found = reworded(sample, "{title} / {analysis} / {prompt} / {{}}", {"analysis": "분석"})
    assert found.prompt == "제목 {x} / 분석 / 요약하라: 글 / {}"
    assert (found.id, found.reference) == ("a", "답")


def test_a_column_named_prompt_goes_before_the_samples_own_prompt() -> None:
    assert reworded(Sample("a", "whole", "x", fields={"prompt": "part"}), "{prompt}", {}).prompt == "part"


def test_a_missing_column_is_named_with_its_row() -> None:
    with pytest.raises(InvalidError, match=r"d/test.jsonl:3.*`title`"):
        reworded(Sample("a", "p", "r", source="d/test.jsonl:3"), "{title}", {})
