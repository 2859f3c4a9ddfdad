"""Languages and secrets, told from texts."""

from __future__ import annotations

import pytest

from runner.samples.content import language_of, secret_in


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("서울은 맑다", "ko"),
        ("GPU 사용량 20GB 이하", "ko"),
        ("the cat", "en"),
        ("café", "en"),
        ("東京", "other"),
        ("12!", "none"),
    ],
)
def test_the_language_of_an_answer_is_its_script(text, language):
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("key AKIAIOSFODNN7EXAMPLE here", "an AWS access key"),
        ("ghp_" + "a" * 36, "a GitHub token"),
        ("hf_" + "aB3" * 11 + "x", "a Hugging Face token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("주민번호 900101-1234567 입니다", "a resident registration number"),
        ("ask-anything-you-like", ""),
        ("sk-", ""),
        ("900101-9234567", ""),
        ("전화 010-1234-5678", ""),
    ],
)
def test_what_looks_like_a_secret_is_named_by_its_kind(text, kind):
    assert secret_in(text) == kind
