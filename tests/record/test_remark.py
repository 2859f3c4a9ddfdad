"""Corrections and waivers: records about records, which have to say something."""

import pytest

from runner.errors import UsageError
from runner.record.remark import MAX_REASON, correction, waiver

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("reason", "author", "message"),
    [
        ("", "승상", "a correction without a reason says nothing"),
        (" \n\t", "승상", "a correction without a reason says nothing"),
        ("틀린 데이터", " ", "a correction without an author says nothing"),
        ("가" * (MAX_REASON + 1), "승상", "the reason has 2,001 characters, the most is 2,000"),
        ("틀린 데이터", "가" * (MAX_REASON + 1), "the author has 2,001 characters, the most is 2,000"),
    ],
)
def test_a_remark_that_says_nothing_or_too_much_is_refused(reason, author, message):
    with pytest.raises(UsageError, match=message):
        correction("숫자", ["0" * 32], reason=reason, author=author)


def test_a_waiver_without_a_reason_is_refused():
    with pytest.raises(UsageError, match="a waiver without a reason"):
        waiver("숫자", DIGEST, ["limits.memory"], reason="", author="승상")


def test_a_remark_says_who_and_why():
    body = correction("숫자", ["1" * 32, "0" * 32], reason="틀린 데이터", author="승상").body
    assert body == {"records": ["0" * 32, "1" * 32], "reason": "틀린 데이터", "author": "승상"}
