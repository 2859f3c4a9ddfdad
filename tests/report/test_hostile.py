"""Tests of making hostile text harmless, by parsing what comes out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runner.report import hostile

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
FEW = settings(max_examples=60, deadline=None)
NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a | b | c",
    "**bold** _it_ ~~s~~ `code` [x](javascript:1) ![i](x)",
    "@everyone see #12 and https://example.com www.example.com a@b.example",
    "# heading",
    "- list",
    "12. list",
    "123456789) list",
    "-",
    "+",
    "- - -",
    "---",
    "=",
    "=== ",
    "::error::boom",
    "line\n::error::boom\r\n> quote",
    "```\nfence\n```",
    "]]> &amp; &lt; &#60;",
    "\x1b[31mred\x07\x00",
    "\u202eevil\u2066\u200b",
]


@pytest.mark.parametrize("text", NASTY)
def test_markdown_text_parses_as_one_plain_paragraph(text: str) -> None:
    tokens = PARSER.parse(str(hostile.markdown(text)))
    assert [t.type for t in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    inline = tokens[1].children or []
    assert {t.type for t in inline} <= {"text", "text_special"}
    assert "".join(t.content for t in inline).replace("\u2060", "") == hostile.one_line(text).strip()


@FEW
@given(st.text(min_size=1, max_size=60))
def test_any_text_stays_inside_its_markdown_table_cell(text: str) -> None:
    for cell in (hostile.markdown(text), hostile.code_span(text)):
        tokens = PARSER.parse(f"| a | b |\n|---|---|\n| {cell} | end |\n")
        cells = [t for t in tokens if t.type == "inline"]
        assert len(cells) == 4
        assert cells[3].content == "end"
        assert {c.type for c in cells[2].children or []} <= {"text", "text_special", "code_inline"}


@FEW
@given(st.text(max_size=200))
def test_any_text_stays_inside_its_code_block(text: str) -> None:
    tokens = PARSER.parse(str(hostile.code_block(text)) + "\n\nend\n")
    assert [t.type for t in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]


@FEW
@given(st.text(max_size=200))
def test_visible_text_has_no_character_that_acts(text: str) -> None:
    shown = hostile.visible(text)
    assert not any(c in shown for c in "\x00\x07\x1b\x7f\x85\u202e\u2066\u200b\ufeff\ud800")
    assert "\r" not in shown


@FEW
@given(st.text(max_size=200))
def test_a_command_message_is_one_line(text: str) -> None:
    assert len(hostile.command_data(text).splitlines()) <= 1


@pytest.mark.parametrize("shown", [hostile.one_line, hostile.command_data, hostile.command_property, hostile.markdown])
def test_a_line_holds_no_workflow_command_of_the_older_form(shown: Callable[[object], str]) -> None:
    assert "##[" not in shown("ok ##[stop-commands]pwned ###[error]x")


def test_long_text_is_cut_and_says_so() -> None:
    shown = hostile.visible("가" * 10_000_000, 100)
    assert shown == "가" * 100 + "… [+9,999,900]"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:image/svg+xml;base64,AAAA",
        'data:image/png;base64,AA" onload="x',
        "data:image/png;base64," + "A" * 90_000,
        None,
    ],
)
def test_only_small_raster_pictures_are_thumbnails(url: object) -> None:
    assert hostile.thumbnail(url) == ""
    assert hostile.thumbnail("data:image/webp;base64,UklGRg==") == "data:image/webp;base64,UklGRg=="
