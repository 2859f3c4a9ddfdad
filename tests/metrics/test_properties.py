"""One property a metric that must hold for any texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.metrics.anls import similarity
from runner.metrics.fact_precision import statements
from runner.metrics.facts import derive
from runner.metrics.measure import aggregate, measure
from runner.metrics.numbers import values
from runner.metrics.pairs import make_pairs
from runner.metrics.relaxed_accuracy import is_right
from runner.metrics.stated import prepare, states
from runner.metrics.vqa_accuracy import accuracy
from runner.samples import Fact
from tests.metrics.made import answers, repeats, samples

WORD = st.sampled_from(["서울은", "서울", "25도", "GPU", "a", "cat", "2,000", "x7", "빨간"])
TEXT = st.lists(WORD, min_size=1, max_size=8).map(" ".join)
CORPUS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5)
SOME = ["빨강", "파랑", "407", "312", "Acme"]


def one(name, reference, answer, options=None, **more):
    return measure(name, options or {}, samples([reference]), answers([answer]), **more).value


def no_loop(*texts):
    assume(not any(one("failure_rate", "x", text) for text in texts))


@given(TEXT, st.sampled_from([" ", "\n", "\t ", "\u3000"]))
def test_exact_match_does_not_see_the_kind_of_white_space(text, space):
    no_loop(text)
    assert one("exact_match", text, text.replace(" ", space)) == 1


@given(st.lists(st.sampled_from(SOME), unique=True, min_size=1), st.sets(st.sampled_from(SOME)), st.sampled_from(SOME))
def test_stating_one_more_fact_never_lowers_recall(facts, stated, more):
    rows = samples(["x"], facts=[facts])
    texts = [", ".join(sorted(stated)), ", ".join([*sorted(stated), more])]
    less, greater = (measure(n, {}, rows, answers([t])).value for n, t in zip(["fact_recall"] * 2, texts, strict=True))
    assert greater >= less == sum(f in stated for f in facts) / len(facts)


@given(st.sets(st.sampled_from(SOME)), st.sampled_from(SOME))
def test_stating_a_wrong_fact_never_raises_precision(stated, wrong):
    rows = samples(["x"] * 2, facts=[[f for f in SOME if f != wrong], SOME])
    text = ", ".join(sorted(stated - {wrong}))
    values = [measure("fact_precision", {}, rows, answers([t, "x"])).values[0] for t in (text, f"{text}, {wrong}")]
    assert values[1] <= values[0]
    found = statements(make_pairs(rows, answers([f"{text}, {wrong}", "x"])), facts="auto", against="samples")
    assert found[0].wrong == (prepare(wrong),)


@given(st.integers(1, 10**6), st.floats(0, 0.2))
def test_relaxed_accuracy_is_a_band_around_the_number(target, off):
    assume(abs(off - 0.05) > 1e-9)
    assert is_right(repr(target * (1 + off)), str(target), 0.05) == (off < 0.05)


@given(st.lists(st.sampled_from(["yes", "no", "서울"]), min_size=1, max_size=10), st.randoms())
def test_vqa_accuracy_does_not_depend_on_the_order_of_people(people, rng):
    shuffled = rng.sample(people, len(people))
    assert accuracy("yes", people) == accuracy("yes", shuffled)
    assert accuracy("yes", [*people, "yes"]) >= accuracy("yes", people) or len(people) < 4


@given(TEXT, TEXT, st.floats(0.1, 1))
def test_anls_is_symmetric_and_falls_to_zero_at_its_threshold(a, b, threshold):
    value = similarity(a, b, threshold)
    assert value == similarity(b, a, threshold)
    assert value == 0 or value > 1 - threshold - 1e-12


@given(TEXT, st.integers(0, 7))
def test_dropping_words_costs_exactly_their_share_of_errors(text, keep):
    words = text.split()
    kept = " ".join(words[:keep])
    no_loop(kept or "x")
    assert one("wer", text, kept) == pytest.approx(1 - min(keep, len(words)) / len(words))
    missing = len(text) - len(kept)
    assert one("cer", text, kept) == pytest.approx(missing / len(text))


@given(TEXT, TEXT)
def test_jamo_never_count_fewer_than_no_errors_nor_miss_any(a, b):
    no_loop(a)
    assert (one("cer", b, a, {"level": "jamo"}) == 0) == (one("cer", b, a) == 0)


@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeL"])
@given(a=TEXT, b=TEXT)
def test_swapping_sides_swaps_precision_and_recall(name, a, b):
    no_loop(a, b)
    assert one(name, a, b, {"part": "precision"}) == one(name, b, a, {"part": "recall"})
    assert one(name, a, b) == one(name, b, a)


@given(TEXT, TEXT)
def test_rouge_lsum_of_single_sentences_is_rouge_l(a, b):
    assert one("rougeLsum", a, b) == one("rougeL", a, b)


@pytest.mark.parametrize("name", ["chrf", "chrfpp", "bleu", "cer", "cer_nospace", "wer"])
@given(corpus=CORPUS)
def test_a_corpus_said_twice_scores_as_once(name, corpus):
    scores = measure(name, {}, samples([r for r, _ in corpus]), answers([a for _, a in corpus]))
    sums = np.array(scores.statistics).sum(axis=0)
    once, twice = aggregate(name, {}, np.stack([sums, 2 * sums]))
    # A missing order is smoothed by its number of n-grams, so BLEU alone may differ where one has no match.
    assert twice == pytest.approx(once) or (name == "bleu" and (sums[2:6] == 0).any())


@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 20))
def test_conciseness_is_one_exactly_inside_its_band(length, low, width):
    options = {"minimum": low, "maximum": low + width}
    text = "abcdefghijklmnopqrstuvwxyz0123456789ABCD"[:length]
    assert one("conciseness", "x", text, options) == (low <= length <= low + width)


@given(TEXT)
def test_a_reference_supports_its_own_numbers_and_facts(text):
    no_loop(text)
    assert one("unsupported_numbers", text, text) == 0
    assert all(states(prepare(text), prepare(fact.text)) for fact in derive(text))


@given(st.text(alphabet="0123456789,.만천억 ", max_size=20))
def test_numbers_are_read_the_same_with_and_without_words_around(text):
    assert values(f"x {text} y") == values(text)


FACT_SETS = st.lists(st.tuples(*[st.sets(st.sampled_from(SOME))] * 2), min_size=1, max_size=4)


@given(FACT_SETS)
def test_retention_holds_its_identity_over_any_chain(stages):
    rows = samples(["x"] * len(stages), facts=[[Fact(f) for f in SOME]] * len(stages))
    first, last = (answers([", ".join(sorted(s[i])) for s in stages]) for i in (0, 1))
    scores = measure("information_retention", {}, rows, last, upstream=first)
    kept, upstream, recovered, facts = np.array(scores.statistics).sum(axis=0)
    recall = measure("fact_recall", {}, rows, last).value
    assert recall == pytest.approx(upstream / facts * scores.value + recovered / facts)
    assert kept <= upstream


@given(st.sets(st.sampled_from(SOME), min_size=1), st.sets(st.sampled_from(SOME)))
def test_a_chain_is_right_exactly_where_recall_is_whole(facts, stated):
    rows = samples(["x"], facts=[sorted(facts)])
    given_answers = answers([", ".join(sorted(stated))])
    recall = measure("fact_recall", {}, rows, given_answers).value
    assert measure("chain_accuracy", {}, rows, given_answers).value == (recall == 1)


@given(st.sets(st.sampled_from(SOME), min_size=1))
def test_what_is_hallucinated_is_what_precision_lacks_where_no_number_is_new(stated):
    rows = samples(["x", "y"], facts=[SOME[:2], SOME[2:]])
    given_answers = answers([", ".join(sorted(stated)), "x"])
    precision = measure("fact_precision", {}, rows, given_answers).values[0]
    hallucinated = measure("hallucinated_facts", {}, rows, given_answers).values[0]
    assert hallucinated == pytest.approx(1 - precision)


@given(st.text(max_size=40))
def test_length_counts_composed_characters(text):
    assert one("response_length", "x", text) <= len(text)


@given(st.text(max_size=20), st.text(max_size=20))
def test_determinism_is_equality(a, b):
    rows = samples(["x"])
    main = answers([a])
    again = repeats([b], kind="greedy")
    same = a == b and main[0].tokens == again[0].tokens
    assert measure("determinism", {}, rows, (*main, *again)).value == same
