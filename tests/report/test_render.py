"""Tests of the one door: every format, both languages, the same bytes for the same values."""

from __future__ import annotations

import pytest

from runner.errors import UsageError
from runner.report import html
from runner.report.render import FORMATS, render
from tests.report.sample_campaign import sample_evidence, sample_history, sample_record


@pytest.mark.parametrize("format", sorted(FORMATS))
@pytest.mark.parametrize("language", ["en", "ko"])
def test_rendering_again_gives_the_same_bytes(format: str, language: str) -> None:
    def written() -> str:
        return render(sample_record(), sample_evidence(6), format=format, language=language, history=sample_history())

    assert written() == written()


@pytest.mark.parametrize("status", ["PASS", "FAIL", "INCONCLUSIVE", "ERROR"])
@pytest.mark.parametrize("format", sorted(FORMATS))
def test_every_format_names_the_verdict(format: str, status: str) -> None:
    assert status in render(sample_record(status), sample_evidence(3), format=format, language="en")


def test_the_campaigns_own_language_is_the_default() -> None:
    assert "통과" in render(sample_record(language="ko"), [], format="md")
    assert "통과" not in render(sample_record(language="en"), [], format="md").replace("튜닝", "")


@pytest.mark.parametrize(("format", "language"), [("pdf", "en"), ("md", "fr")])
def test_an_unknown_format_or_language_is_a_usage_error(format: str, language: str) -> None:
    with pytest.raises(UsageError, match="use one of"):
        render(sample_record(), [], format=format, language=language)


def test_texts_are_cut_shorter_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {**row, "text": {"b": "가나다라", "a": "마바사아"}.get(row["arm"][0], "자차카타") * 2000}
        if row["kind"] == "completion"
        else row
        for row in sample_evidence(9)
    ]
    whole = html.page(sample_record(), rows, (), language="en")
    assert "… [+4,000]" in whole
    monkeypatch.setattr(html, "MAX_TEXT_BYTES", 60_000)
    assert len(html.page(sample_record(), rows, (), language="en").encode()) < len(whole.encode()) / 4
