"""Tests of numbers, sizes and times as people write them."""

from __future__ import annotations

import pytest

from runner.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.7361, "0.736"), (12.44, "12.4"), (1204.4, "1,204"), (-0.5, "−0.500"), (None, "–"), (0.0, "0.000")],
)
def test_measures_have_as_many_decimals_as_they_need(value: float | None, text: str) -> None:
    assert numbers.measure(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.303, "+30.3%"), (-0.0141, "−1.4%"), (0.0, "0.0%"), (None, "–"), (float("nan"), "–")]
)
def test_percent_has_its_sign_and_nothing_for_the_unknown(value: float | None, text: str) -> None:
    assert numbers.percent(value, plus=True) == text


def test_a_change_that_rounds_to_zero_has_no_sign() -> None:
    assert numbers.percent(-0.00001, plus=True) == "0.0%"


@pytest.mark.parametrize(
    ("value", "text"),
    [(20e9, "20 GB"), (14.214e9, "14.21 GB"), (7.9e9, "7.9 GB"), (345_600_000, "346 MB"), (12, "12 B")],
)
def test_sizes_are_decimal(value: float, text: str) -> None:
    assert numbers.size(value) == text


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (0, "0 s", "0초"),
        (4.21, "4.2 s", "4.2초"),
        (59.6, "1 min", "1분"),
        (192, "3 min 12 s", "3분 12초"),
        (7500, "2 h 5 min", "2시간 5분"),
        (7200, "2 h", "2시간"),
        (None, "–", "–"),
    ],
)
def test_durations_are_said_in_both_languages(seconds: float | None, english: str, korean: str) -> None:
    assert numbers.duration(seconds, "en") == english
    assert numbers.duration(seconds, "ko") == korean


def test_moments_are_said_in_both_languages_and_never_fail() -> None:
    assert numbers.moment("2026-11-22T18:40:12Z", "en") == "22 Nov 2026, 18:40 UTC"
    assert numbers.moment("2026-11-22T18:40:12+09:00", "ko") == "2026년 11월 22일 09:40 UTC"
    assert numbers.moment("yesterday", "en") == "yesterday"


@pytest.mark.parametrize(
    ("value", "text"), [(0.003, "0.003"), (2e-5, "2e−5"), (1.5e-5, "1.5e−5"), (1234567, "1,234,567")]
)
def test_axis_numbers_are_short(value: float, text: str) -> None:
    assert numbers.compact(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0004, "< 0.001"), (0.62, "0.620"), (None, "–")])
def test_p_values(value: float | None, text: str) -> None:
    assert numbers.p_value(value) == text
