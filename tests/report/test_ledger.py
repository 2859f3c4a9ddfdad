"""Tests of the per-sample ledger and of word differences."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.report import reading
from runner.report.difference import MAX_WORDS, Span, difference
from runner.report.ledger import STATES, ledger, state_of
from tests.report.sample_campaign import sample_evidence, sample_record


@pytest.mark.parametrize(
    ("before", "after", "lower", "best", "state"),
    [
        (0.0, 1.0, False, 1.0, "fixed"),
        (0.0, 0.5, False, 1.0, "improved"),
        (1.0, 0.5, False, 1.0, "regressed"),
        (1.0, 1.0, False, 1.0, "kept"),
        (0.5, 0.5, False, 1.0, "wrong"),
        (0.4, 0.0, True, 0.0, "fixed"),
        (0.0, 0.4, True, 0.0, "regressed"),
        (12.0, 12.0, False, None, "wrong"),
        (None, 1.0, False, 1.0, "unscored"),
    ],
)
def test_states(before: float | None, after: float | None, lower: bool, best: float | None, state: str) -> None:
    assert state_of(before, after, lower=lower, best=best) == state


def test_the_ledger_counts_every_sample_once_and_puts_the_worst_first() -> None:
    checks = tuple(reading.check(c) for c in sample_record().verdict["checks"])
    book = ledger("chain", reading.evidence(sample_evidence(40)), checks, best=1.0, limit=100, pictures=9_999_999)
    assert sum(n for _, n in book.counts) == book.total == len(book.rows) == 40
    assert [STATES.index(r.state) for r in book.rows] == sorted(STATES.index(r.state) for r in book.rows)
    assert book.metric == "fact_recall"
    assert all(p.url for r in book.rows for p in r.pictures)
    assert book.rows[0].stages[0].id == "analysis"


def test_pictures_over_the_budget_are_left_out_of_the_last_rows() -> None:
    rows = reading.evidence(sample_evidence(40))
    full = ledger("chain", rows, (), best=1.0, limit=100, pictures=9_999_999)
    budget = sum(len(r.pictures[0].url) for r in full.rows[:3])
    book = ledger("chain", rows, (), best=1.0, limit=100, pictures=budget)
    assert [bool(r.pictures[0].url) for r in book.rows[:5]] == [True, True, True, False, False]
    assert all(r.pictures[0].path for r in book.rows)


def test_a_difference_marks_only_the_words_that_changed() -> None:
    made = difference("계기 104, 램프 주황", "계기 104, 램프 파랑")
    assert [(s.text, s.changed) for s in made.after] == [("계기 104, 램프 ", False), ("파랑", True)]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_the_spans_of_a_difference_join_to_the_texts(before: str, after: str) -> None:
    made = difference(before, after)
    assert "".join(s.text for s in made.before) == before
    assert "".join(s.text for s in made.after) == after


def test_very_long_texts_are_compared_as_wholes() -> None:
    made = difference("a " * MAX_WORDS, "b")
    assert [s.changed for s in made.before] == [True]


def test_words_changed_in_a_row_are_one_span() -> None:
    made = difference("a b c d", "a x y d")
    assert made.before == (Span("a ", False), Span("b c", True), Span(" d", False))
    assert made.after == (Span("a ", False), Span("x y", True), Span(" d", False))
