"""Tests of chart geometry and of a chain's attribution."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.report import charts
from runner.report.charts import Effect, Level, Series
from runner.report.view import view
from tests.report.sample_campaign import sample_evidence, sample_record


@settings(max_examples=100, deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_few_even_and_inside(low: float, span: float) -> None:
    marks = charts.ticks(low, low + span)
    assert len(marks) <= 12
    assert all(low - span * 1e-6 <= m <= low + span * (1 + 1e-6) for m in marks)


def test_thinning_keeps_peaks_and_length() -> None:
    points = [(float(i), 1.0) for i in range(10_000)]
    points[4321] = (4321.0, 9.0)
    kept = charts.thinned(points)
    assert len(kept) <= charts.MAX_POINTS
    assert (4321.0, 9.0) in kept


def test_a_plot_puts_values_and_levels_on_one_scale() -> None:
    plot = charts.plot([Series("x", [(0, 0.0), (10, 10.0)], "a")], [Level("line", 20.0, "limit")])
    assert plot is not None
    assert plot.top < plot.levels[0].y < plot.bottom
    assert plot.lines[0].path.startswith(f"M{plot.left:g} {plot.bottom:g}")


def test_nothing_to_draw_is_no_plot() -> None:
    assert charts.plot([Series("x", [], "a")]) is None


def test_intervals_share_an_axis_and_a_wild_end_is_clipped() -> None:
    one, two = charts.intervals([Effect(0.3, 0.2, 0.4, 0.15), Effect(0.2, -1e9, 1e9, 0.2)])
    assert one.zero == two.zero
    assert one.low is not None
    assert one.low < (one.estimate or 0) < (one.high or 0)
    assert (two.low, two.high) == (8.0, two.width - 8)
    assert all(math.isfinite(x) for x in (two.low or 0, two.high or 0))


def test_the_attribution_has_before_and_after_in_its_grid() -> None:
    made = view(sample_record(), sample_evidence(2), ()).attributions[0]
    assert made.values["base", "base"] == 0.640
    assert made.values["qwen-lora", "chain-lora"] == 0.921
    assert made.seconds == ("base", "llama-lora", "chain-lora")
    assert made.gain("qwen-lora", "base") == pytest.approx(0.102)


def test_losses_add_up_to_what_did_not_arrive() -> None:
    made = view(sample_record(), sample_evidence(2), ()).attributions[0]
    loss = made.loss("qwen-lora", "chain-lora")
    assert loss is not None
    assert loss.by_first + loss.by_second == pytest.approx(1 - 0.921)


def test_a_stage_that_beats_the_reference_is_drawn_without_a_loss() -> None:
    drawn = charts.flow(0.95, 0.90, 1.0)
    assert drawn is not None
    assert drawn.nodes[1][2] == drawn.nodes[0][2]
