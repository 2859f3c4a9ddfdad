"""Each metric's hand-computed cases: reference, answer, score."""

from __future__ import annotations

import pytest

from runner.errors import InvalidError
from runner.metrics.measure import measure
from runner.samples import Completion, Fact, Sample
from tests.metrics.made import answers, samples

CASES = [
    # metric, options, reference, answer, score
    ("exact_match", {}, "서울 특별시", " 서울  특별시\n", 1),
    ("exact_match", {}, "Seoul", "seoul", 0),
    ("exact_match", {"compare": "loose"}, "Seoul!", "seoul", 1),
    ("exact_match", {"compare": "loose"}, "Seoul", "Busan", 0),
    ("exact_match", {"answers": "lines"}, "two\n2", "2", 1),
    ("relaxed_accuracy", {}, "100", "105", 1),
    ("relaxed_accuracy", {}, "100", "105.1", 0),
    ("relaxed_accuracy", {}, "1,000", "1040", 1),
    ("relaxed_accuracy", {}, "50%", "0.5", 1),
    ("relaxed_accuracy", {}, "0", "0.0", 0),
    ("relaxed_accuracy", {}, "빨강", "빨강", 1),
    ("relaxed_accuracy", {"tolerance": 0.0}, "100", "101", 0),
    ("relaxed_accuracy", {}, "5", "nan", 0),
    ("vqa_accuracy", {}, "two", "2", 1),
    ("vqa_accuracy", {}, "the dog", "Dog.", 1),
    ("vqa_accuracy", {}, "two\nthree", "four", 0),
    ("vqa_accuracy", {}, "yes\nno\nno\nno", "no", (3 * 2 / 3 + 1) / 4),
    ("vqa_accuracy", {}, "yes\nno\nno\nno", "yes", (0 + 3 * 1 / 3) / 4),
    ("anls", {}, "abcd", "abcd", 1),
    ("anls", {}, "abcd", "abcx", 0.75),
    ("anls", {}, "abcd", "abxx", 0),  # a distance of exactly one half
    ("anls", {"threshold": 0.6}, "abcd", "abxx", 0.5),
    ("anls", {}, "서울역", "서울", 2 / 3),
    ("anls", {"answers": "lines"}, "Busan\nSeoul", "seoul", 1),
    ("cer", {}, "가나다라", "가나다", 0.25),
    ("cer", {}, "가나", "마바사아자", 2.5),
    ("cer", {}, "서울 시", "서울시", 0.25),
    ("cer", {"level": "jamo"}, "각", "갈", 1 / 3),
    ("cer_nospace", {}, "서울 시", "서울시", 0),
    ("cer_nospace", {}, "가 나 다 라", "가나다마", 0.25),
    ("wer", {}, "서울 시", "서울시", 1),
    ("wer", {}, "the cat sat down", "the cat sat", 0.25),
    ("rouge1", {}, "the cat sat", "the cat", 0.8),
    ("rouge1", {"part": "recall"}, "the cat sat", "the cat", 2 / 3),
    ("rouge1", {"part": "precision"}, "the cat sat", "the cat", 1),
    ("rouge1", {"unit": "syllable"}, "서울은 GPU", "서울의 GPU", 0.75),
    ("rouge1", {"unit": "word"}, "서울은 GPU", "서울의 GPU", 0.5),
    ("rouge1", {"part": "recall"}, "!?", "word", 0),
    ("rouge1", {"part": "precision"}, "word", "!?", 0),
    ("rouge2", {}, "the cat sat", "the cat", 2 / 3),
    ("rouge2", {}, "cat", "cat", 0),  # one token has no bigram
    ("rougeL", {}, "a b c d", "a c b d", 0.75),
    ("rougeL", {}, "GPU 사용량 20GB 이하 유지", "GPU 온도 20GB 초과 금지", 2 * 3 / 17),
    ("rougeLsum", {}, "a b\nc d", "c d\na b", 1),
    ("rougeLsum", {"sentences": "punctuation"}, "a b. c d.", "c d. a b.", 1),
    ("rougeLsum", {}, "a b. c d.", "c d. a b.", 0.5),
    ("bleu", {}, "the cat sat on the mat", "the cat sat on the mat", 100),
    ("bleu", {}, "the cat", "dog", 0),
    ("conciseness", {}, "0123456789", "01234", 1),
    ("conciseness", {}, "0123456789", "0123", 0),
    ("conciseness", {}, "0123456789", "0123456789abcde", 1),
    ("conciseness", {}, "0123456789", "0123456789abcdef", 0),
    ("conciseness", {"minimum": 2, "maximum": 3}, "0123456789", "가나다", 1),
    ("conciseness", {"shortest": 1, "longest": 1}, "0123", "abcd", 1),
    ("conciseness", {"maximum": 3}, "0123", "0123", 0),
    ("unsupported_numbers", {}, "매출은 1,234억 원", "매출은 1234억 원, 직원 7명", 0.5),
    ("unsupported_numbers", {}, "30,000명", "3만 명", 0),
    ("unsupported_numbers", {}, "30,000,000원", "3천만 원", 0),
    ("unsupported_numbers", {}, "2,500원", "2.5천 원", 0),
    ("unsupported_numbers", {}, "3천만 원", "3만 원", 1),
    ("unsupported_numbers", {}, "3 people", "3.0 people", 0),
    ("unsupported_numbers", {}, "no number", "nor here", 0),
    ("unsupported_numbers", {}, "2", "12 and 2.5", 1),
    ("response_length", {}, "x", " 서울 \n", 2),
    ("failure_rate", {}, "x", "ok", 0),
    ("failure_rate", {}, "x", "  ", 1),
    ("failure_rate", {"format": "json"}, "x", '```json\n{"a": 1}\n```', 0),
    ("failure_rate", {"format": "json"}, "x", "{a: 1}", 1),
    ("failure_rate", {"format": "number"}, "x", "-1,234.5 %", 0),
    ("failure_rate", {"format": "number"}, "x", "about 3", 1),
]


@pytest.mark.parametrize(("name", "options", "reference", "answer", "score"), CASES)
def test_a_case_computed_by_hand(name, options, reference, answer, score):
    scores = measure(name, options, samples([reference]), answers([answer]))
    assert scores.values[0] == pytest.approx(score, abs=1e-12)
    assert scores.value == pytest.approx(score, abs=1e-12)


def test_chrf_of_a_short_pair_is_its_formula():
    # "ab" against "ac": of 2 and 2 letters one agrees, of 1 and 1 bigrams none; precision = recall = 1/4.
    assert measure("chrf", {}, samples(["ac"]), answers(["ab"])).value == pytest.approx(25)
    # chrF++ adds one differing word and no word pair: (1/2 + 0 + 0) / 3.
    assert measure("chrfpp", {}, samples(["ac"]), answers(["ab"])).value == pytest.approx(50 / 3)


def test_micro_and_macro_averages_differ_and_cer_is_micro():
    scores = measure("cer", {}, samples(["가", "나" * 9]), answers(["마", "나" * 9]))
    assert scores.values == (1.0, 0.0)
    assert scores.value == 0.1
    assert scores.statistics == ((1.0, 1.0), (0.0, 9.0))


def test_an_empty_band_and_references_without_text_are_refused():
    with pytest.raises(InvalidError, match="band"):
        measure("conciseness", {"minimum": 9, "maximum": 3}, samples(["x"]), answers(["x"]))
    with pytest.raises(InvalidError, match="all of them are empty"):
        measure("cer", {}, samples([" "]), answers(["x"]))


FACTS = [[Fact("빨강", ("빨간",), ("초록",)), "407"], [Fact("파랑", ("파란",)), "312"]]


@pytest.mark.parametrize(
    ("text", "recall", "precision", "hallucinated", "right"),
    [
        ("빨간 등, 407", 1, 1, 0, 1),
        ("빨간 등", 0.5, 1, 0, 0),
        ("빨간 등, 파란 등, 407", 1, 2 / 3, 1 / 3, 1),  # 파란 is a fact of the other sample
        ("빨간 등, 초록 등, 407", 0.5, 0.5, 0.5, 0),  # forbidden: the fact is not credited either
        ("빨간 등, 312", 0.5, 0.5, 0.5, 0),
        ("빨간 등, 999", 0.5, 1, 0.5, 0),  # a number from nowhere is no known fact, but it is invented
        ("모르겠다", 0, 0, 0, 0),
        ("", 0, 0, 1, 0),
    ],
)
def test_facts_recalled_stated_rightly_and_invented(text, recall, precision, hallucinated, right):
    rows = samples(["빨간 등과 407", "파란 등과 312"], facts=FACTS)
    given = answers([text, "파란 등, 312"])
    scores = {n: measure(n, {}, rows, given).values[0] for n in ("fact_recall", "completeness", "fact_precision")}
    assert scores == pytest.approx({"fact_recall": recall, "completeness": recall, "fact_precision": precision})
    assert measure("hallucinated_facts", {}, rows, given).values[0] == pytest.approx(hallucinated)
    assert measure("chain_accuracy", {}, rows, given).values[0] == right


def test_precision_against_forbidden_forms_only_leaves_other_samples_facts_alone():
    rows = samples(["빨간 등과 407", "파란 등과 312"], facts=FACTS)
    given = answers(["빨간 등, 파란 등", "파란 등"])
    assert measure("fact_precision", {"against": "forbid"}, rows, given).values == (1.0, 1.0)


def test_where_no_row_has_facts_numbers_and_names_of_the_reference_stand_in():
    rows = samples(["In 2021 the Acme Corp sold 1,234 units of X200 for “큰 집”", "no such thing here"])
    scores = measure("fact_recall", {}, rows, answers(["Acme Corp sold 1234 X200", "x"]))
    assert scores.sample_ids == ("s0",)
    assert scores.values[0] == pytest.approx(3 / 5)
    with pytest.raises(InvalidError, match="no row has `facts`"):
        measure("fact_recall", {"facts": "given"}, rows, answers(["x", "x"]))
    with pytest.raises(InvalidError, match="no reference holds"):
        measure("fact_recall", {}, rows[1:], (Completion("s1", "x", 1),))


def test_retention_counts_facts_and_keeps_its_identity():
    rows = samples(["r0", "r1"], facts=[["a1", "b2", "c3"], ["d4"]])
    first, last = answers(["a1 b2", "x"]), answers(["a1 c3", "d4"])
    scores = measure("information_retention", {}, rows, last, upstream=first)
    assert scores.statistics == ((1.0, 2.0, 1.0, 3.0), (0.0, 0.0, 1.0, 1.0))
    assert (scores.value, scores.values) == (0.5, (0.5, 0.0))
    kept, upstream, recovered, facts = (sum(column) for column in zip(*scores.statistics, strict=True))
    assert (kept + recovered) / facts == (upstream / facts) * scores.value + recovered / facts == 0.75
    one = measure("information_retention", {}, rows, last, upstream=answers(["a1", "x"]))
    assert (one.value, one.values) == (1.0, (1.0, 0.0))
    with pytest.raises(InvalidError, match="first stage"):
        measure("information_retention", {}, rows, last)


def test_a_prompt_supports_the_numbers_it_holds():
    sample = Sample("s0", "표: 17, 42", "42입니다")
    assert measure("unsupported_numbers", {}, [sample], answers(["17과 42, 5"])).value == pytest.approx(1 / 3)
