"""Tests of what a report says of a rehearsal."""

from __future__ import annotations

from dataclasses import replace

from lxml import html as lxml_html

from runner.report.rehearsal import rehearsals
from runner.report.render import render
from tests.report.sample_campaign import sample_record, swept_record


def test_figures_are_read_by_their_names_and_the_rest_is_kept() -> None:
    (found,) = rehearsals(swept_record().steps)
    assert found.model == "qwen"
    assert dict(found.rates)["tune_tokens_per_second"] == 812.0
    assert {p.name: (p.forecast, p.peak) for p in found.phases}["tune"] == (14_300_000_000, 13_900_000_000)
    assert [(p.name, p.equal, p.ratio) for p in found.paths] == [("packed", True, 0.61), ("share_prefix", False, 0.98)]
    assert found.more == (("liveness.loss_fell", "true"),)


def test_figures_of_any_shape_are_no_error() -> None:
    step = next(s for s in swept_record().steps if s.kind == "rehearse")
    odd = replace(step, measures={"rates": [1], "peaks": "x", "paths": {"packed": "on"}, "more": {"a": None}})
    (found,) = rehearsals([odd])
    assert (found.rates, found.phases, found.paths[0].says) == ((), (), "on")


def test_the_page_shows_peak_beside_forecast_and_paths_beside_plain() -> None:
    tree = lxml_html.document_fromstring(render(swept_record(), [], format="html"))
    text = " ".join(" ".join(tree.get_element_by_id("rehearsal").itertext()).split())
    assert "14.3 GB 13.9 GB −2.8%" in text
    assert "share_prefix fail 0.004 98% differs from the plain one" in text


def test_without_a_rehearsal_there_is_no_such_part() -> None:
    assert 'id="rehearsal"' not in render(sample_record(), [], format="html")
