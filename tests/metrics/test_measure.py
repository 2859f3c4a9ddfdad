"""`measure` as other rooms call it: pairing, failures, signatures, aggregates."""

from __future__ import annotations

import dataclasses
import math
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import IntegrityError, InvalidError
from runner.metrics.measure import aggregate, measure
from runner.metrics.table import METRICS
from runner.samples import Completion, Fact
from runner.spec.model import MetricSpec
from tests.metrics.made import answers, repeats, samples

KOREAN = ["서울의 기온은 25도이다", "빨간 등이 켜져 있다", "계기판은 407을 가리킨다 (GPU 20GB)"]
FACTS = [["서울", "25"], [Fact("빨간", ("빨강",), ("초록",))], ["407", "20"]]


def repeated(text, i):
    """Every kind of repeat of one sample."""
    kinds = {"sampled": [text, text[:3]], "greedy": [text], "paraphrased": [text]}
    return [c for kind, texts in kinds.items() for c in repeats(texts, sample=i, kind=kind)]


def everything(name, texts, *, references=KOREAN, finish_reason="stop"):
    """One metric over three samples, with whatever else it needs."""
    more = []
    for i, text in enumerate(texts):
        more += repeats([text, text], sample=i) + repeats([text], sample=i, kind="greedy")
        more += repeats([text], sample=i, kind="paraphrased")
    tokens = [dataclasses.replace(c, tokens=len(c.text.split())) for c in more]
    return measure(
        name,
        {},
        samples(references, facts=FACTS),
        (*answers(texts, finish_reason=finish_reason), *tokens),
        upstream=answers(references),
    )


@pytest.mark.parametrize("name", METRICS)
def test_the_reference_itself_gets_the_best_score(name):
    info, scores = METRICS[name], everything(name, KOREAN)
    best = {"higher": info.high, "lower": info.low, "none": scores.value}[info.direction]
    assert scores.value == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.kind == "quality"])
@pytest.mark.parametrize(("text", "finish_reason"), [("", "stop"), (" \n", "stop"), ("서울 407 빨강", "length")])
def test_a_failed_answer_gets_the_worst_score(name, text, finish_reason):
    info, scores = METRICS[name], everything(name, [text] * 3, finish_reason=finish_reason)
    worst = {"higher": 0.0, "lower": 1.0}[info.direction]
    assert scores.value == pytest.approx(worst)
    assert scores.values == (worst,) * 3


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.direction != "none"])
def test_decomposed_and_composed_hangul_score_alike(name):
    decomposed = [unicodedata.normalize("NFD", text) for text in KOREAN]
    same = everything(name, KOREAN)
    assert everything(name, decomposed).value == same.value
    assert everything(name, KOREAN, references=decomposed).value == same.value


@pytest.mark.parametrize("name", METRICS)
def test_the_aggregate_is_a_function_of_the_rows_sum(name):
    scores = everything(name, ["서울은 25도", "초록 등이 켜져 있다", "계기판 407"])
    rows = np.array(scores.statistics or [(v, 1.0) for v in scores.values])
    sums = np.stack([rows.sum(axis=0), rows[:1].sum(axis=0)])
    values = aggregate(scores.metric, {}, sums)
    assert values.shape == (2,)
    assert values[0] == pytest.approx(scores.value, abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_no_samples_is_an_error(name):
    with pytest.raises(InvalidError, match="no samples"):
        measure(name, {}, (), (), upstream=())


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.sampled_from(sorted(METRICS)))
def test_every_score_is_a_finite_number_within_the_metrics_range(texts, name):
    info = METRICS[name]
    rows = samples(["서울 25", *["reference 7"] * (len(texts) - 1)], facts=[["서울"]] * len(texts))
    more = [c for i, t in enumerate(texts) for c in repeated(t, i)]
    scores = measure(name, {}, rows, (*answers(texts), *more), upstream=answers(texts[::-1]))
    for value in (scores.value, *scores.values):
        assert math.isfinite(value)
        assert info.low is None or value >= info.low
        assert info.high is None or value <= info.high + 1e-9


def test_a_missing_a_double_and_a_foreign_answer_are_refused():
    rows = samples(["a", "b"])
    with pytest.raises(IntegrityError, match="1 of 2 samples have no answer, `s1`"):
        measure("exact_match", {}, rows, answers(["a"]))
    with pytest.raises(IntegrityError, match="answered twice"):
        measure("exact_match", {}, rows, answers(["a", "b"]) + answers(["a"]))
    with pytest.raises(IntegrityError, match="id of no sample"):
        measure("exact_match", {}, rows, (*answers(["a", "b"]), Completion("s9", "x", 1)))


def test_answers_are_paired_by_id_whatever_their_order():
    rows = samples(["a", "b", "c"])
    assert measure("exact_match", {}, rows, answers(["a", "b", "x"])[::-1]).values == (1.0, 1.0, 0.0)


def test_the_signature_names_every_option_and_the_id_only_those_given():
    rows = samples(["a"])
    scores = measure("rougeL", {"unit": "word"}, rows, answers(["a"]))
    assert scores.signature == "rougeL|v1|part=f1|unit=word"
    assert scores.metric == "rougeL(unit=word)" == MetricSpec("rougeL", {"unit": "word"}).id
    assert measure("rougeL", {}, rows, answers(["a"])).signature == "rougeL|v1|part=f1|unit=syllable"
    assert measure("rougeL", {}, rows, answers(["a"])).metric == "rougeL" == MetricSpec("rougeL").id


def test_an_unknown_metric_and_option_are_answered_with_the_right_ones():
    with pytest.raises(InvalidError, match="did you mean `rougeL`"):
        measure("rogueL", {}, samples(["a"]), answers(["a"]))
    with pytest.raises(InvalidError, match="did you mean `unit`") as caught:
        measure("rougeL", {"units": "word", "part": "f2"}, samples(["a"]), answers(["a"]))
    assert len(caught.value.diagnostics) == 2
    with pytest.raises(InvalidError, match="the most is 1"):
        measure("anls", {"threshold": 2}, samples(["a"]), answers(["a"]))
