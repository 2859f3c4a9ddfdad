"""Tests of the mark on figures that `check` cannot prove: they have it, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from lxml import html as lxml_html

from runner.report import markdown
from runner.report.catalogue import catalogue
from runner.report.render import render
from runner.verify.unproven import unproven
from tests.report.sample_campaign import sample_evidence, sample_record, swept_record

SECTIONS = {"limits", "samples", "training", "memory", "rehearsal", "steps", "sweep", "provenance"}


def test_sections_of_unproven_figures_are_marked_and_lead_to_what_it_means() -> None:
    page = lxml_html.fromstring(render(swept_record(), sample_evidence(3), format="html"))
    marks = page.xpath("//a[@class='dagger']")
    assert {a.get("href") for a in marks} == {"#unproven"}
    assert page.get_element_by_id("unproven").tag == "h3"
    assert {a.xpath("ancestor::section/@id")[0] for a in marks if a.xpath("ancestor::section/@id")} == SECTIONS


def test_targets_and_guards_are_not_marked_since_check_computes_them_again() -> None:
    page = lxml_html.fromstring(render(sample_record("FAIL"), sample_evidence(3), format="html"))
    for name in ("targets", "guards", "baselines", "chain"):
        assert page.get_element_by_id(name).xpath(".//a[@class='dagger']") == []


def test_every_kind_that_verify_lists_has_words_in_both_languages() -> None:
    record = swept_record()
    for language in ("en", "ko"):
        page = lxml_html.fromstring(render(record, [], format="html", language=language))
        pairs = page.xpath("//h3[@id='unproven']/following-sibling::dl[1]/div")
        assert len(pairs) == len(unproven(record))
        assert {f"unproven.of.{one.id}" for one in unproven(record)} <= catalogue(language).messages.keys()


def test_the_comment_has_one_legend_and_marks_memory_and_times() -> None:
    text = render(sample_record("PASS"), sample_evidence(3), format="md")
    assert "14.21 GB† |" in text
    assert text.count("<sub>† recorded by the run") == 1
    assert "†" not in text[text.index("### Targets") : text.index("### Limits")]


def test_json_lists_their_places_in_the_record() -> None:
    record = sample_record("PASS")
    listed = json.loads(render(record, [], format="json"))["unproven"]
    assert [one["id"] for one in listed] == [one.id for one in unproven(record)]
    assert all(one["places"] for one in listed)


def test_a_record_that_ran_nothing_has_no_mark() -> None:
    text = render(replace(sample_record("PASS"), kind="correction"), [], format="html")
    assert "†" not in text


@pytest.mark.parametrize("most", [1_500, 3_000])
def test_a_comment_that_is_cut_keeps_the_legend_of_its_marks(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    whole = render(sample_record("PASS"), sample_evidence(3), format="md")
    monkeypatch.setattr(markdown, "MAX_CHARACTERS", most)
    text = render(sample_record("PASS"), sample_evidence(3), format="md")
    assert len(text) <= most < len(whole)
    assert text.splitlines()[-2:] == whole.splitlines()[-2:]
    assert text.splitlines()[-2].startswith("<sub>† recorded by the run")
    assert text.count("<details>") == text.count("</details>")
