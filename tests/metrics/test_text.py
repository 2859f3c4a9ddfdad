"""Texts cut into tokens and sentences."""

from __future__ import annotations

import sys

import pytest

from runner.errors import InvalidError
from runner.metrics import text as module
from runner.metrics.text import sentences, tokens


@pytest.mark.parametrize(
    ("text", "syllables", "words"),
    [
        ("GPU 사용량 20GB", ["gpu", "사", "용", "량", "20gb"], ["gpu", "사용량", "20gb"]),
        ("GPU를 20GB로", ["gpu", "를", "20gb", "로"], ["gpu를", "20gb로"]),
        ("snake_case, U.S.!", ["snake", "case", "u", "s"], ["snake", "case", "u", "s"]),
        ("東京タワー 3층", ["東", "京", "タ", "ワ", "ー", "3", "층"], ["東京タワー", "3층"]),
        ("Café", ["café"], ["café"]),
        ("", [], []),
        ("…!?", [], []),
    ],
)
def test_a_unit_cuts_a_text(text, syllables, words):
    assert tokens(text, "syllable") == syllables
    assert tokens(text, "word") == words


def test_sentences_end_with_a_line_or_with_a_mark():
    assert sentences("가. 나!\n다", "lines") == ["가. 나!", "다"]
    assert sentences("가. 나!\n다? 3.5배", "punctuation") == ["가.", "나!", "다?", "3.5배"]


@pytest.mark.slow
def test_kiwi_cuts_endings_off():
    pytest.importorskip("kiwipiepy")
    assert tokens("서울은 맑다.", "kiwi") == ["서울", "은", "맑", "다"]


def test_kiwi_that_is_not_installed_is_named_with_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    module._kiwi.cache_clear()
    with pytest.raises(InvalidError, match="needs the package kiwipiepy"):
        tokens("서울", "kiwi")
