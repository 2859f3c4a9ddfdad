"""Every metric that has a reference implementation equals it, on at least 1,000 random English and Korean pairs."""

from __future__ import annotations

import random
import statistics

import jiwer
import numpy as np
import pytest
from rouge_score import rouge_scorer, tokenize, tokenizers
from sacrebleu.metrics import BLEU, CHRF
from statsmodels.stats.proportion import proportion_confint

from runner.metrics.failure_rate import wilson
from runner.metrics.measure import aggregate, measure
from runner.metrics.relaxed_accuracy import is_right
from runner.metrics.text import tokens
from runner.metrics.vqa_accuracy import accuracy, normal
from tests.metrics.made import answers, samples

PAIRS = 1000
TOLERANCE = 1e-9
ENGLISH = [
    "the",
    "a",
    "cat",
    "sat",
    "on",
    "mat",
    "Dog's",
    "quick,",
    "brown",
    "fox.",
    "jumped",
    "over",
    "12",
    "lazy",
    "(dogs)",
    "GPU",
    "20GB",
    "e-mail",
    "don't",
    "U.S.",
    "ok!",
]
KOREAN = [
    "서울은",
    "서울의",
    "기온이",
    "25도",
    "맑다.",
    "흐리고,",
    "비가",
    "온다",
    "계기판은",
    "407을",
    "가리킨다",
    "GPU",
    "사용량",
    "20GB",
    "이하",
    "(주)한국",
    "빨간",
    "등이!",
]


def random_text(rng, words, least=1):
    text = " ".join(rng.choice(words) for _ in range(rng.randint(least, 14)))
    return text.replace(". ", ".\n") if rng.random() < 0.5 else text


def changed(rng, text, words):
    """Another text, or this one with some words changed: so that pairs range from strangers to twins."""
    if rng.random() < 0.3:
        return random_text(rng, words)
    return " ".join(rng.choice(words) if rng.random() < 0.25 else w for w in text.split(" "))


def random_pairs(seed=19):
    rng = random.Random(seed)
    references = [random_text(rng, words) for words in (ENGLISH, KOREAN) for _ in range(PAIRS // 2)]
    texts = [changed(rng, r, words) for r, words in zip(references, [ENGLISH] * 500 + [KOREAN] * 500, strict=True)]
    return references, texts


REFERENCES, ANSWERS = random_pairs()
ROWS = samples(REFERENCES)


class OurTokens(tokenizers.Tokenizer):
    """Our tokens for rouge-score, whose own tokenizer drops Hangul."""

    def __init__(self, unit):
        self.unit = unit

    def tokenize(self, text):
        return tokens(text, self.unit)


@pytest.mark.parametrize("unit", ["syllable", "word"])
@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
def test_rouge_equals_rouge_score_on_the_same_tokens(name, unit):
    scorer = rouge_scorer.RougeScorer([name], tokenizer=OurTokens(unit))
    wanted = [scorer.score(r, a)[name] for r, a in zip(REFERENCES, ANSWERS, strict=True)]
    for part, attribute in [("f1", "fmeasure"), ("precision", "precision"), ("recall", "recall")]:
        scores = measure(name, {"unit": unit, "part": part}, ROWS, answers(ANSWERS))
        assert scores.values == pytest.approx([getattr(w, attribute) for w in wanted], abs=TOLERANCE)


@pytest.mark.parametrize("unit", ["syllable", "word"])
def test_on_ascii_the_tokens_are_those_of_rouge_score_itself(unit):
    for text in (*REFERENCES[:500], "snake_case A--b 3.14 x\ty"):
        assert tokens(text, unit) == tokenize.tokenize(text, None)


@pytest.mark.parametrize(("name", "oracle"), [("cer", jiwer.cer), ("wer", jiwer.wer)])
def test_error_rates_equal_jiwer(name, oracle):
    # To jiwer a line feed is part of a word.
    rights, texts = ([t.replace("\n", " ") for t in texts] for texts in (REFERENCES, ANSWERS))
    scores = measure(name, {}, samples(rights), answers(texts))
    each = [oracle(r, a) for r, a in zip(rights, texts, strict=True)]
    assert scores.values == pytest.approx(each, abs=TOLERANCE)
    assert scores.value == pytest.approx(oracle(rights, texts), abs=TOLERANCE)


def test_cer_without_spaces_equals_jiwer_on_texts_without_spaces():
    bare = [["".join(t.split()) for t in texts] for texts in (REFERENCES, ANSWERS)]
    scores = measure("cer_nospace", {}, ROWS, answers(ANSWERS))
    assert scores.value == pytest.approx(jiwer.cer(*bare), abs=TOLERANCE)


def corpora():
    """Sixty resamples of different sizes, as index arrays, down to single sentences."""
    rng = np.random.default_rng(3)
    return [rng.integers(0, PAIRS, size) for size in [1] * 20 + [3] * 20 + [50] * 20]


@pytest.mark.parametrize(("name", "word_order"), [("chrf", 0), ("chrfpp", 2)])
def test_chrf_equals_sacrebleu_for_sentences_and_for_every_resample(name, word_order):
    check_against_sacrebleu(name, {}, CHRF(word_order=word_order), CHRF(word_order=word_order))


@pytest.mark.parametrize("tokenizer", ["13a", "intl", "char", "none"])
def test_bleu_equals_sacrebleu_for_sentences_and_for_every_resample(tokenizer):
    sentence = BLEU(tokenize=tokenizer, effective_order=True)
    check_against_sacrebleu("bleu", {"tokenize": tokenizer}, sentence, BLEU(tokenize=tokenizer))


def check_against_sacrebleu(name, options, sentence, corpus):
    scores = measure(name, options, ROWS, answers(ANSWERS))
    each = [sentence.sentence_score(a, [r]).score for r, a in zip(REFERENCES, ANSWERS, strict=True)]
    assert scores.values == pytest.approx(each, abs=TOLERANCE)
    assert scores.value == pytest.approx(corpus.corpus_score(ANSWERS, [REFERENCES]).score, abs=TOLERANCE)
    rows = np.array(scores.statistics)
    values = aggregate(scores.metric, options, np.stack([rows[i].sum(axis=0) for i in corpora()]))
    for value, chosen in zip(values, corpora(), strict=True):
        texts, rights = [ANSWERS[i] for i in chosen], [REFERENCES[i] for i in chosen]
        assert value == pytest.approx(corpus.corpus_score(texts, [rights]).score, abs=TOLERANCE)


def published_anls(answer, reference):
    """Biten et al. 2019, equation 1, by the textbook's table of edits."""
    a, r = " ".join(answer.lower().split()), " ".join(reference.lower().split())
    row = list(range(len(r) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(r, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    distance = row[-1] / max(len(a), len(r))
    return 1 - distance if distance < 0.5 else 0.0


def test_anls_equals_the_published_formula():
    scores = measure("anls", {}, ROWS, answers(ANSWERS))
    wanted = [published_anls(a, r) for r, a in zip(REFERENCES, ANSWERS, strict=True)]
    assert scores.values == pytest.approx(wanted, abs=TOLERANCE)


def published_relaxed(target, prediction):
    """`relaxed_correctness` as the authors of ChartQA and Pix2Struct published it."""

    def to_float(text):
        try:
            return float(text.rstrip("%")) / 100.0 if text.endswith("%") else float(text)
        except ValueError:
            return None

    given, wanted = to_float(prediction), to_float(target)
    if given is not None and wanted:
        return abs(given - wanted) / abs(wanted) <= 0.05
    return prediction.lower() == target.lower()


def test_relaxed_accuracy_equals_the_published_code():
    rng = random.Random(5)
    words = ["Yes", "no", "서울", "빨강", "GPU"]

    def value():
        kind = rng.random()
        if kind < 0.3:
            return rng.choice(words)
        number = rng.choice([0, rng.randint(-20, 120), round(rng.uniform(0, 3), 2)])
        return f"{number}%" if kind < 0.5 else str(number)

    for _ in range(PAIRS):
        target = value()
        prediction = target.upper() if rng.random() < 0.2 else value()
        assert is_right(prediction, target, 0.05) == published_relaxed(target, prediction)


def published_vqa(answer, people):
    """The official evaluation's loop: leave each person out, min(1, equal others / 3), mean."""
    shares = []
    for i in range(len(people)):
        others = people[:i] + people[i + 1 :]
        shares.append(min(1.0, sum(o == answer for o in others) / 3))
    return statistics.fmean(shares)


def test_vqa_accuracy_equals_the_official_loop_over_ten_people():
    rng = random.Random(7)
    for _ in range(PAIRS):
        words = rng.choice([["yes", "no", "two", "The dog"], ["서울", "부산", "빨간 등", "25도"]])
        people = [rng.choice(words) for _ in range(10)]
        answer = rng.choice(words)
        wanted = published_vqa(normal(answer), [normal(p) for p in people])
        assert accuracy(answer, people) == pytest.approx(wanted, abs=TOLERANCE)


def test_the_interval_of_a_share_equals_statsmodels():
    for n in (1, 2, 10, 50, 216):
        for hits in range(n + 1):
            interval = wilson(hits, n)
            wanted = proportion_confint(hits, n, alpha=0.05, method="wilson")
            assert (interval.low, interval.high) == pytest.approx(wanted, abs=TOLERANCE)
