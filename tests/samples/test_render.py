"""Prompt templates."""

from __future__ import annotations

import pytest

from runner.errors import InvalidError
from runner.samples.render import placeholders, render


def test_names_are_found_once_each_in_order():
    assert placeholders("{b} {a} {{c}} {b} {질문}") == ("b", "a", "질문")


def test_columns_are_filled_in_and_double_braces_are_braces():
    assert render("요약: {글} {{x}}", {"글": "가"}) == "요약: 가 {x}"


def test_braces_in_a_value_are_text_and_evaluate_nothing():
    assert render("{a}", {"a": "{b} {a.__class__} {{"}) == "{b} {a.__class__} {{"


@pytest.mark.parametrize("template", ["{", "}", "{}", "{ }", "a {b", "{a{b}}"])
def test_a_stray_brace_is_refused(template):
    with pytest.raises(InvalidError, match="stray"):
        render(template, {"a": "1", "b": "2"})


def test_a_missing_column_is_named_with_those_that_there_are():
    with pytest.raises(InvalidError, match="`text`, which the row lacks; its columns are `body`, `title`"):
        render("{text}", {"title": "t", "body": "b"})
