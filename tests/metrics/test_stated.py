"""When a text states a fact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.metrics.stated import Vocabulary, is_stated, prepare, states
from runner.samples import Fact

STATED = [
    ("서울은 맑다", "서울"),
    ("서울에서는 맑다", "서울"),
    ("수도는 서울이다.", "서울"),
    ("답: 서울", "서울"),
    ("there are 2 cats", "2"),
    ("2개", "2"),
    ("20GB 이하", "20"),
    ("20GB 이하", "gb"),
    ("total 1,234 won", "1234"),
    ("total 1234 won", "1,234"),
    ("3-7", "7"),
    ("It is 25.", "25"),
    ("Room A-7", "7"),
    ("the Red  lamp", "red lamp"),
    ("407을 가리킨다", "407"),
    ("결제가 완료되었습니다", "완료"),
    ("결제 완료됨", "완료"),
    ("고양이들이 있다", "고양이"),
    ("수도인 서울에서만은", "서울"),
    ("반장으로서는", "반장"),
]
NOT_STATED = [
    ("서울대는 맑다", "서울"),
    ("북서울은 맑다", "서울"),
    ("there are 12 cats", "2"),
    ("21 cats", "2"),
    ("2.5 cats", "2"),
    ("1.25", "25"),
    ("1,234 won", "234"),
    ("it is -7 degrees", "7"),
    ("concatenate", "cat"),
    ("cats", "cat"),
    ("", "2"),
    ("anything", ""),
    ("완료되지 않았다", "완료"),
    ("미완료", "완료"),
    ("고양이과", "고양"),
]


@pytest.mark.parametrize(("text", "fact"), STATED)
def test_a_fact_is_stated_by_its_own_words(text, fact):
    assert states(prepare(text), prepare(fact))


@pytest.mark.parametrize(("text", "fact"), NOT_STATED)
def test_a_piece_of_a_longer_number_word_or_noun_states_nothing(text, fact):
    assert not states(prepare(text), prepare(fact))


def test_an_alias_counts_and_a_forbidden_form_takes_the_fact_away():
    fact = Fact("20GB 이하", ("20GB 아래",), ("20GB 초과",))
    assert is_stated(prepare("메모리는 20GB 아래로 유지"), fact)
    assert not is_stated(prepare("메모리는 20GB 초과, 아니 20GB 이하"), fact)


def test_a_vocabulary_finds_what_single_searches_find_and_prefers_the_longer_form():
    words = Vocabulary(["red", "red lamp", "서울", "7", ""])
    assert words.find(prepare("A red lamp in 서울에서 at 7")) == {"red lamp", "서울", "7"}
    assert words.find(prepare("reddish 서울대 17")) == frozenset()


@given(st.text(alphabet="ab가나은 12,.-", max_size=30), st.text(alphabet="ab가나12", min_size=1, max_size=3))
def test_a_vocabulary_of_one_form_agrees_with_a_single_search(text, form):
    assert bool(Vocabulary([form]).find(prepare(text))) == states(prepare(text), prepare(form))


def test_strings_of_particles_do_not_take_forever():
    assert not states(prepare("서울" + "이나" * 20_000 + "학"), "서울")
