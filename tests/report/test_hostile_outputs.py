"""Hostile text in every field of record and evidence changes nothing but text, in each format, by parsing it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from lxml import html as lxml_html
from markdown_it import MarkdownIt

from runner.canonical import plain
from runner.record.model import Record
from runner.report import html
from runner.report.render import render
from runner.shape import build
from tests.report.sample_campaign import sample_evidence, sample_history, sample_record, swept_record

NASTY = (
    "</td><script>alert(1)</script><img src=x onerror=alert(2)>\" onload='x' ]]> --> </style> {{ 7*7 }} {% raw %} "
    "\x00\x07\x1b[31m\u202egpj.exe\u2066 @everyone #1 !2 ::error file=x::boom \n::set-output name=a::b\n```\n~~~\n"
    "| a | b |\n# h\n[x](javascript:alert(1)) ![i](http://x/y.png) <https://evil.example> www.evil.example =cmd()"
)
KEPT = {"schema", "kind", "status", "direction", "effect", "created", "arm", "of", "metric", "evaluation", "thumbnail"}
KEPT |= {"signature", "language", "finish_reason", "action", "evidence_mode", "digest", "sample", "campaign", "subject"}


def poisoned(value: Any, name: str = "") -> Any:
    """`value` with the nasty text after every text that means nothing to the program."""
    if isinstance(value, Mapping):
        return {k: poisoned(v, k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [poisoned(v, name) for v in value]
    return value + NASTY if isinstance(value, str) and name not in KEPT else value


def hostile_record() -> Record:
    record = build(Record, poisoned(plain(sample_record("FAIL"))))
    return replace(record, created="2026-11-22T18:40:12Z")


def hostile_evidence() -> list[dict[str, Any]]:
    rows = [poisoned(row) for row in sample_evidence(4)]
    return [{**row, "sample": row["sample"] + NASTY} for row in rows]


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    record, rows = hostile_record(), hostile_evidence()
    formats = ("html", "md", "junit", "github", "json")
    return {f: render(record, rows, format=f, history=sample_history()) for f in formats}


@pytest.mark.parametrize("made", ["campaign", "sweep"])
def test_html_has_no_element_or_attribute_that_came_from_text(written: dict[str, str], made: str) -> None:
    swept = replace(build(Record, poisoned(plain(swept_record()))), created="2026-11-22T18:40:12Z")
    text = written["html"] if made == "campaign" else render(swept, [], format="html")
    tree = lxml_html.document_fromstring(text)
    scripts = [e.text_content() for e in tree.iter("script")]
    assert scripts == [str(html.asset("report.js"))]
    assert not list(tree.iter("iframe", "object", "embed", "base", "form", "template"))
    assert {e.get("src", "")[:16] for e in tree.iter("img")} <= {"data:image/webp;b"[:16]}
    assert all(e.get("href", "#").startswith(("#", "data:,")) for e in tree.iter("a", "link"))
    for element in tree.iter():
        assert not any(name.startswith("on") or name == "style" for name in element.keys())  # noqa: SIM118


def test_html_shows_the_hostile_text_as_text(written: dict[str, str]) -> None:
    text = lxml_html.document_fromstring(written["html"]).text_content()
    assert "</td><script>alert(1)</script><img src=x onerror=alert(2)>" in text
    assert "␀␇␛[31m⟦U+202E⟧gpj.exe⟦U+2066⟧" in text
    assert "{{ 7*7 }}" in text


def test_html_names_its_own_script_and_style_and_nothing_else(written: dict[str, str]) -> None:
    tree = lxml_html.document_fromstring(written["html"])
    policy = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == [html.policy(html.asset("report.css"), html.asset("report.js"))]
    assert [e.text for e in tree.iter("style")] == [str(html.asset("report.css"))]
    assert "unsafe" not in policy[0]


def test_markdown_has_no_markup_but_its_own(written: dict[str, str]) -> None:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(written["md"])
    inline = [c for t in tokens for c in t.children or []]
    assert {c.type for c in inline} <= {
        *("text", "text_special", "code_inline", "softbreak", "html_inline", "strong_open", "strong_close")
    }
    tags = {c.content for c in inline if c.type == "html_inline"}
    assert tags <= {"<br>", "<sub>", "</sub>"}
    blocks = [t.content for t in tokens if t.type == "html_block"]
    assert all(re.fullmatch(r"(<details><summary>[^<>]*</summary>|</details>)\n?", b) for b in blocks)
    outside = "".join(c.content for c in inline if c.type in {"text", "text_special"})
    assert not re.search(r"[@#]\w", outside)
    assert "://" not in outside


def test_markdown_fits_a_pull_request_comment(written: dict[str, str]) -> None:
    assert len(written["md"]) <= 65_000


def test_junit_parses_and_has_one_case_a_check_and_step(written: dict[str, str]) -> None:
    tree = ElementTree.fromstring(written["junit"])
    record = sample_record("FAIL")
    assert len(list(tree.iter("testcase"))) == len(record.verdict["checks"]) + len(record.steps)
    assert {e.tag for e in tree.iter()} <= {
        *("testsuites", "testsuite", "properties", "property", "testcase", "failure", "skipped", "system-out")
    }


def test_annotations_are_one_command_a_line(written: dict[str, str]) -> None:
    lines = written["github"].splitlines()
    assert all(re.match(r"::(error|warning|notice) file=[^:,]*,line=\d+,title=[^:,]*::", line) for line in lines)
    assert len(lines) == 3


def test_json_is_ascii_and_inert(written: dict[str, str]) -> None:
    assert written["json"].isascii()
    assert not set(written["json"]) & set("<>&\x1b\x00")
    assert json.loads(written["json"])["verdict"] == "FAIL"


@pytest.mark.parametrize("format", ["html", "md", "json", "junit", "github"])
def test_an_answer_of_ten_megabytes_is_cut(format: str) -> None:
    rows = sample_evidence(2)
    rows = [{**r, "text": "가나다 <b>" * 1_500_000} if r["kind"] == "completion" else r for r in rows]
    assert len(render(sample_record(), rows, format=format)) < 600_000


def test_a_campaign_of_a_thousand_guards_still_fits_a_comment() -> None:
    record = sample_record("FAIL")
    guard = next(c for c in record.verdict["checks"] if c["kind"] == "guard" and c["status"] == "fail")
    many = [{**guard, "id": f"guard.{i}", "reason": "떨어짐 | " * 90} for i in range(1000)]
    wide = replace(record, verdict={**record.verdict, "checks": [*record.verdict["checks"], *many]})
    text = render(wide, [], format="md")
    assert len(text) <= 65_000
    assert "Shortened to fit" in text
    assert render(wide, [], format="github").count("::error") == 10


def test_of_more_warnings_than_github_keeps_the_last_says_how_many_are_left_out() -> None:
    record = sample_record("INCONCLUSIVE")
    undecided = next(c for c in record.verdict["checks"] if c["status"] == "inconclusive")
    lenient = {**undecided, "details": {**undecided["details"], "on_inconclusive": "warn"}}
    for count, said, left in ((9, 9, 0), (10, 10, 1), (11, 10, 2)):
        checks = [{**lenient, "id": f"t{i}", "title": f"t{i}"} for i in range(count)]
        text = render(replace(record, verdict={**record.verdict, "checks": checks}), [], format="github")
        warnings = [line for line in text.splitlines() if line.startswith("::warning")]
        assert len(warnings) == said
        assert (f"{left} more" in warnings[-1]) == bool(left)
