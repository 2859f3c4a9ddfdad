"""Tests of what a report says of the steps that ran."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import html as lxml_html

from runner.record.model import StepRecord
from runner.report.render import render
from runner.report.runs import runs
from runner.report.training import memory
from tests.report.sample_campaign import sample_record, swept_record


def test_steps_of_one_fate_and_reason_are_one_group_failures_in_front() -> None:
    steps = list(sample_record().steps)
    steps[-1] = replace(steps[-1], action="failed", reasons=("it broke",))
    groups = runs(steps).groups
    assert [(g.action, len(g.steps)) for g in groups][:2] == [("failed", 1), ("cached", 3)]
    assert sum(len(g.steps) for g in groups) == len(steps)


def test_cached_steps_count_no_time() -> None:
    found = runs(sample_record().steps)
    assert found.seconds == pytest.approx(25.2 + 16.8 + 9.8 + 7.7 + 15.3)
    assert [k.kind for k in found.kinds] == ["tune", "generate"]
    assert sum(k.share for k in found.kinds) == pytest.approx(1)


def test_the_page_names_every_step_and_every_reason() -> None:
    record = swept_record()
    section = lxml_html.document_fromstring(render(record, [], format="html")).get_element_by_id("steps")
    text = section.text_content()
    assert all(step.id in text and all(reason in text for reason in step.reasons) for step in record.steps)


def test_nothing_ran_is_no_error() -> None:
    assert runs(()).groups == ()


def test_memory_shows_forecast_steps_and_the_peak_first() -> None:
    def step(name: str, peak: int, forecast: int | None, mlx: int | None = 1) -> StepRecord:
        seen = {"peak_bytes": peak, "forecast_bytes": forecast, "mlx_peak_bytes": mlx}
        return replace(sample_record().steps[0], id=name, memory=seen)

    steps = [step("prepare/a", 5, None, None), step("tune/a", 60, 50), step("generate/a", 70, None)]
    found = memory([*steps, step("generate/b", 70, None)], {}, {})
    assert [s.step for s in found.foremost] == ["tune/a", "generate/a"]
    assert [s.step for s in found.others] == ["generate/b", "prepare/a"]
    assert [s.step for s in memory(steps[2:], {}, {}).foremost] == ["generate/a"]
