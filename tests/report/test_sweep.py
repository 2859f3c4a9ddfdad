"""Tests of what a report says of a sweep."""

from __future__ import annotations

from dataclasses import replace

from lxml import html as lxml_html

from runner.record.model import Record
from runner.report.render import render
from runner.report.sweep import Sweep, losers, sweeps
from tests.report.sample_campaign import swept_record


def only(record: Record) -> Sweep:
    (found,) = sweeps(record.steps)
    return found


def test_variants_stand_best_first_with_the_chosen_one_marked() -> None:
    found = only(swept_record())
    assert [v.score for v in found.variants] == [0.93, 0.86, 0.84, 0.81]
    assert [v.winner for v in found.variants] == [True, False, False, False]
    assert found.variants[0].values == ("16", "0.003")
    assert found.variants[0].final_loss is not None


def test_an_axis_has_the_mean_of_every_value_in_the_order_of_the_spec() -> None:
    rank, rate = only(swept_record()).axes
    assert (rank.name, rank.labels) == ("lora.rank", ("8", "16"))
    assert [round(mean, 3) for _, mean in rank.means] == [0.825, 0.895]
    assert [round(mean, 3) for _, mean in rate.means] == [0.835, 0.885]
    assert len(rank.scores) == 4


def test_a_metric_that_shall_fall_has_its_lowest_variant_first() -> None:
    record = swept_record()
    steps = [replace(s, measures={**s.measures, "metric": "cer"}) if s.kind == "select" else s for s in record.steps]
    assert [v.score for v in sweeps(steps)[0].variants] == [0.81, 0.84, 0.86, 0.93]


def test_a_setting_that_only_some_variants_name_and_a_missing_score_are_shown_as_missing() -> None:
    record = swept_record()
    select = next(s for s in record.steps if s.kind == "select")
    variants = {"a": {"lora.rank": 8}, "b": {"lora.alpha": [1, 2]}}
    odd = replace(select, measures={"winner": "a", "metric": "x", "values": {"a": 0.5}, "variants": variants})
    found = sweeps([odd])[0]
    assert [(v.id, v.values, v.score) for v in found.variants] == [("a", ("8", ""), 0.5), ("b", ("", "1, 2"), None)]
    assert found.axes == ()


def test_the_page_has_table_and_plot_and_only_the_chosen_tunings_curve() -> None:
    record = swept_record()
    tree = lxml_html.document_fromstring(render(record, [], format="html"))
    section = tree.get_element_by_id("sweep")
    assert len(section.xpath(".//tbody/tr")) == 4
    assert len(section.xpath(".//figure/svg[@role='img']")) == 2
    curves = [e.text_content() for e in tree.get_element_by_id("training").iter("figcaption")]
    assert sum("qwen-lora@" in name for name in curves) == 1
    assert len(losers(sweeps(record.steps))) == 3


def test_settings_stand_by_their_size_not_by_their_letters() -> None:
    step = next(s for s in swept_record().steps if s.kind == "select")
    variants = {f"t@rank={r}": {"lora.rank": r} for r in (16, 4, 128)}
    values = dict(zip(variants, (0.5, 0.5, 0.9), strict=True))
    measured = {**step.measures, "variants": variants, "values": values, "winner": "t@rank=128"}
    made = sweeps([replace(step, measures=measured)])[0]
    assert made.axes[0].labels == ("4", "16", "128")
    assert made.axes[0].chosen == ((2.0, 0.9),)
    assert [v.values for v in made.variants] == [("128",), ("4",), ("16",)]
