"""Tests of what a report says of a rehearsal."""

from __future__ import annotations

from dataclasses import replace

from lxml import html as lxml_html

from runner.report.rehearsal import rehearsals
from runner.report.render import render
from tests.report.sample_campaign import sample_record, swept_record


def test_figures_are_those_of_the_step() -> None:
    (found,) = rehearsals(swept_record().steps)
    assert found.model == "qwen"
    assert dict(found.rates)["tune_tokens_per_second"] == 812.0
    assert (found.tried[0].longest, found.tried[0].resumed, found.tried[0].alive) == (1290, True, 16.38)
    assert [(p.about, p.name, p.equal, p.ratio) for p in found.paths] == [
        ("qwen-lora", "packed", True, 0.61),
        ("qwen-lora", "share_prefix", False, 0.98),
        ("image_analysis.test", "batch", True, 0.3),
    ]
    assert (found.prompts[0].name, found.prompts[0].cut_off) == ("image_analysis.test", 1)


def test_figures_of_any_shape_are_no_error() -> None:
    step = next(s for s in swept_record().steps if s.kind == "rehearse")
    odd = replace(step, measures={"rates": [1], "tunes": {"a": 3}, "paths": {"a": [1, {}]}, "prompts": {"x": None}})
    (found,) = rehearsals([odd])
    assert (found.rates, found.tried[0].rows, found.paths[1].equal, found.prompts[0].name) == ((), None, None, "x")


def test_the_page_shows_what_was_tried_and_paths_beside_plain() -> None:
    tree = lxml_html.document_fromstring(render(swept_record(), [], format="html"))
    text = " ".join(" ".join(tree.get_element_by_id("rehearsal").itertext()).split())
    assert "qwen-lora 4 1,290 812 5.1 s 13.9 GB pass 16.38" in text
    assert "share_prefix qwen-lora fail 0.004 98% loss or gradient differs" in text
    assert "batch image_analysis.test pass – 30%" in text


def test_without_a_rehearsal_there_is_no_such_part() -> None:
    assert 'id="rehearsal"' not in render(sample_record(), [], format="html")
