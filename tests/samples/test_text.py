"""Normal forms of text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.samples.text import bare, collapse, loose


@pytest.mark.parametrize(
    ("text", "collapsed", "loosened", "bared"),
    [
        (" Seoul,\u3000 Korea! ", "Seoul, Korea!", "seoul korea", "seoulkorea"),
        ("\u1109\u1165울", "서울", "서울", "서울"),
        ("1 23", "1 23", "1 23", "1 23"),
        ("1,23", "1,23", "1 23", "1 23"),
        ("a 1 b", "a 1 b", "a 1 b", "a1b"),
        ("Straße", "Straße", "strasse", "strasse"),
        ("1+1", "1+1", "1 1", "1+1"),
    ],
)
def test_each_form_keeps_what_it_says(text, collapsed, loosened, bared):
    assert (collapse(text), loose(text), bare(text)) == (collapsed, loosened, bared)


@given(st.text(max_size=30))
def test_a_form_of_a_form_is_itself_and_normal_forms_do_not_matter(text):
    for form in (collapse, loose, bare):
        assert form(form(text)) == form(text)
        assert form(unicodedata.normalize("NFD", text)) == form(text)
