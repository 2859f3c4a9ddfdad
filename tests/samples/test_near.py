"""Rows of a form: near-copies of one are found, and ordinary rows are not taken for copies."""

import random
from collections.abc import Callable

import pytest

from runner.samples.near import HeldTexts
from runner.samples.shingles import shingles
from runner.samples.text import bare

SYLLABLES = [chr(c) for c in range(0xAC00, 0xD7A4, 7)]
FAMILIES = "김이박최정강조윤장임한오서신권황안송류홍"
WORDS = ["".join(random.Random(1).choices(SYLLABLES, k=k % 4 + 1)) for k in range(800)]
WORDS += ["".join(random.Random(k).choices(SYLLABLES, k=k % 4 + 1)) for k in range(800)]
PRODUCTS = ["".join(random.Random(k).choices(SYLLABLES, k=4 + k % 8)) for k in range(100)]
PLACES = ["".join(random.Random(-k).choices(SYLLABLES, k=2 + k % 3)) for k in range(30)]
Make = Callable[[random.Random], str]


def person(rng: random.Random) -> str:
    return rng.choice(FAMILIES) + "".join(rng.choices(SYLLABLES[:40], k=2))


def meter(rng: random.Random) -> str:
    return (
        f"계기판의 바늘은 {rng.randint(0, 999):03d}을 가리키고 있으며 {rng.choice(['붉은', '푸른'])} 등이 켜져 있습니다"
    )


def order(rng: random.Random) -> str:
    return (
        f"주문번호 {rng.randint(10**7, 10**8)} 고객명 {person(rng)} 상품 {rng.choice(PRODUCTS)} "
        f"수량 {rng.randint(1, 9)}개 금액 {rng.randint(1, 500) * 1000}원 배송지 {rng.choice(PLACES)} "
        f"주문일 2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} 결제수단 카드 이 주문을 한 문장으로 요약하시오"
    )


def review(rng: random.Random) -> str:
    words = " ".join(rng.choices(WORDS, k=rng.randint(6, 20)))
    return (
        f"다음 상품평의 감정을 긍정, 부정, 중립 가운데 하나로 분류하시오. 상품: {rng.choice(PRODUCTS)}. "
        f"상품평: {words}. 답은 한 낱말로만 쓰시오."
    )


def letter(rng: random.Random) -> str:
    return (
        f"Customer {rng.choice(WORDS)} ordered {rng.randint(1, 20)} units of {rng.choice(PRODUCTS)} on 2026-"
        f"{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} and was charged ${rng.randint(1, 9999)}."
        f"{rng.randint(10, 99)}. Summarise the order in one sentence."
    )


def edited(text: str, rng: random.Random) -> str:
    """The text with one to three of its letters changed, its numbers as they were."""
    letters = list(text)
    places = [i for i, c in enumerate(letters) if c.isalpha()]
    for i in rng.sample(places, rng.randint(1, 3)):
        letters[i] = rng.choice(SYLLABLES)
    return "".join(letters)


def compared(make: Make, *, held: int, others: int, copies: int) -> tuple[set[int], list[tuple[int, str]], HeldTexts]:
    """Held-out rows that were found by their copies, and what else was found."""
    rng = random.Random(19)
    texts = [bare(make(rng)) for _ in range(held)]
    index = HeldTexts()
    for line, text in enumerate(texts):
        index.add(line, text)
    rows = [(-1, bare(make(rng))) for _ in range(others)]
    rows += [(line, bare(edited(texts[line], rng))) for line in range(copies)]
    rng.shuffle(rows)
    asked = [index.ask(("train", n), text, shingles(text)) for n, (_, text) in enumerate(rows) if text not in texts]
    found = [f for f in (*asked, *index.finish()) if f]
    false = [(f.line, rows[f.place[1]][1]) for f in found if rows[f.place[1]][0] != f.line]
    return {f.line for f in found if rows[f.place[1]][0] == f.line}, false, index


@pytest.mark.parametrize(("make", "least"), [(order, 18), (review, 20), (letter, 18)])
def test_copies_of_a_forms_rows_are_found_and_ordinary_rows_are_not(make: Make, least: int) -> None:
    found, false, index = compared(make, held=100, others=800, copies=20)
    assert index.are_forms
    assert false == []
    assert len(found) >= least


def test_a_form_that_holds_a_number_and_a_colour_has_no_near_copies() -> None:
    found, false, index = compared(meter, held=100, others=800, copies=0)
    assert (found, false) == (set(), [])
    assert index.without_fields() >= 90


def test_rows_of_regular_customers_are_no_copies_of_each_other() -> None:
    rng = random.Random(3)
    people = [(person(rng), "".join(rng.choices(SYLLABLES, k=9)), rng.randint(1000, 9999)) for _ in range(60)]

    def again(rng: random.Random) -> str:
        name, street, phone = rng.choice(people)
        return (
            f"고객 {name}, 연락처 010-{phone}-{phone}, 주소 {street}. 상품 {rng.choice(PRODUCTS)} "
            f"{rng.randint(1, 9)}개, {rng.randint(1, 500) * 100}원, {rng.randint(1, 28)}일 배송. 이 주문을 요약하시오."
        )

    found, false, _ = compared(again, held=100, others=800, copies=10)
    assert false == []
    assert len(found) >= 9


def test_a_form_is_a_copy_with_another_number_only_where_it_holds_a_long_text() -> None:
    text = "펌프 누유로 라인을 세웠고 교대조가 밸브를 잠근 뒤 정비반에 연락하여 부품을 새로 주문하였으며 "
    text += "내일 아침 조회가 끝나는 대로 다시 점검하여 결과를 알리기로 하였다"
    rng = random.Random(5)
    rows = [f"[점검 보고] 설비 번호 {n} 담당 {person(rng)} 내용 {review(rng)[40:90]}" for n in range(100, 160)]
    index = HeldTexts()
    for line, row in enumerate([f"[점검 보고] 설비 번호 7 담당 {person(rng)} 내용 {text}", *rows]):
        index.add(line, bare(row))
    for row in ("[점검 보고] 설비 번호 8 담당 김철수 내용 " + text, rows[0].replace("100", "999")[:24]):
        assert index.ask(("train", 1), bare(row), shingles(bare(row))) is None
    assert [f.line for f in index.finish()] == [0]


def test_plain_texts_are_compared_at_once() -> None:
    index = HeldTexts()
    index.add(4, bare("오늘 아침 부산항에서 화물선 두 척이 출항했다"))
    near = bare("어제 아침 부산항에서 화물선 두 척이 출항했다")
    found = index.ask(("train", 9), near, shingles(near))
    assert found is not None
    assert (found.line, found.place) == (4, ("train", 9))
    assert list(index.finish()) == []
