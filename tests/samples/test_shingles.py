"""Near-duplicates among short Korean and English texts, and what is none."""

from __future__ import annotations

import random

import pytest

from runner.samples.shingles import ShingleIndex, shingles
from runner.samples.text import bare

ORIGINALS = [
    "오늘 아침 부산항에서 화물선 두 척이 출항했다",
    "서울시는 다음 달부터 버스 요금을 올리기로 했다",
    "강원도 산간에 밤사이 눈이 이십 센티미터 쌓였다",
    "연구진은 새로운 배터리 소재를 공개했다고 밝혔다",
    "국회는 내년도 예산안을 본회의에서 통과시켰다",
    "The committee approved the annual budget on Friday",
]
NEARLY = [
    (0, "오늘 아침 부산항에서 화물선 두 척이 출항하였다"),
    (0, "어제 아침 부산항에서 화물선 두 척이 출항했다"),
    (0, "오늘 아침에 부산항에서 화물선 두 척이 출항했다."),
    (1, "서울시는 다음 달부터 버스요금을 인상하기로 했다"),
    (1, "서울시가 다음 달부터 버스 요금을 올리기로 했다"),
    (1, "서울시는 다음달부터 시내버스 요금을 올리기로 했다"),
    (2, "강원 산간에 밤사이 눈이 이십 센티미터 쌓였다"),
    (2, "강원도 산간에 밤새 눈이 이십 센티미터 쌓였다"),
    (2, "강원도 산간에는 밤사이 눈이 이십 센티미터나 쌓였다"),
    (3, "연구진은 새 배터리 소재를 공개했다고 밝혔다"),
    (3, "연구진은 새로운 배터리 소재를 공개했다고 말했다"),
    (3, "연구팀은 새로운 배터리 소재를 공개했다고 밝혔다"),
    (4, "국회는 내년 예산안을 본회의에서 통과시켰다"),
    (4, "국회는 내년도 예산안을 본회의에서 가결시켰다"),
    (5, "The committee approved its annual budget on Friday"),
]
UNLIKE = [
    "오늘 저녁 인천공항에서 여객기 두 대가 이륙했다",
    "부산시는 올해부터 지하철 노선을 늘리기로 했다",
    "제주도 해안에 이른 아침 강한 바람이 불었다",
    "The council rejected the monthly report on Monday",
    "짧다",
    "",
]


def find(index, text):
    return index.find(bare(text), shingles(bare(text)))


@pytest.fixture
def index():
    return ShingleIndex([bare(text) for text in ORIGINALS])


@pytest.mark.parametrize(("original", "text"), NEARLY)
def test_a_text_changed_in_a_word_or_an_ending_is_found(index, original, text):
    near = find(index, text)
    assert near is not None
    assert near.position == original


@pytest.mark.parametrize("text", UNLIKE)
def test_a_different_text_of_the_same_kind_is_not(index, text):
    assert find(index, text) is None


def test_rows_of_one_template_are_not_taken_for_each_others_duplicates():
    colours = ["빨간", "파란", "노란", "하얀", "검은", "초록"]
    texts = [f"계기판의 {c} 등이 켜졌고 바늘은 {n}을 가리키고 있습니다" for n in range(100, 130) for c in colours]
    templated = ShingleIndex([bare(t) for t in texts])
    assert templated.is_templated
    assert find(templated, texts[0].replace("100", "900")) is None


def test_a_held_out_text_inside_a_long_training_document_is_found():
    rng = random.Random(3)
    words = ["".join(rng.choice("가나다라마바사아자차카타파하") for _ in range(3)) for _ in range(400)]
    held = bare(" ".join(words[100:130]))
    near = find(ShingleIndex([held, bare(" ".join(words[:30][::-1]))]), " ".join(words))
    assert near is not None
    assert near.position == 0


def test_shingles_are_every_five_characters_and_short_texts_have_none():
    assert len(shingles("가나다라마가나다라마")) == 6
    assert len(set(shingles("가나다라마가나다라마").tolist())) == 5
    assert len(shingles("가나다라")) == 0


def test_texts_too_short_for_shingles_share_no_wording():
    assert not ShingleIndex(["가", "나"]).is_templated
    assert not ShingleIndex([]).is_templated
    assert find(ShingleIndex([]), ORIGINALS[0]) is None
