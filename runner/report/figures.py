"""Which charts a report has: a view's values as series, levels and effects for `charts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.acceptance.model import Check
from runner.report import charts
from runner.report.chain import Attribution, Loss
from runner.report.charts import Effect, Flow, Interval, Level, Plot, Series
from runner.report.sweep import Axis, Sweep
from runner.report.training import Curve, Memory, StepMemory
from runner.report.view import Trend
from runner.report.words import Words

HALF = 360  # width of a chart that stands beside others


@dataclass(frozen=True)
class LossChart:
    """The curves of one tuning, with the rows of their data table."""

    curve: Curve
    loss: Plot | None
    rate: Plot | None
    rows: tuple[tuple[float, float | None, float | None, float | None], ...]  # update, loss, validation, rate


@dataclass(frozen=True)
class Span:
    """One step's share of the memory chart's time axis."""

    step: StepMemory
    x0: float
    x1: float
    forecast: float | None  # y
    label: str  # "" where it has no room


@dataclass(frozen=True)
class MemoryChart:
    """Memory over the time of all steps that held a model, one after the other."""

    plot: Plot | None
    spans: tuple[Span, ...]
    peak: tuple[float, float] | None = None  # where the greatest value is drawn


@dataclass(frozen=True)
class AxisChart:
    """How a sweep's variants scored along one of its settings."""

    axis: Axis
    plot: Plot
    marks: tuple[tuple[float, str], ...]  # x, the setting's value


@dataclass(frozen=True)
class TrendChart:
    """A target's metric over the campaign's records."""

    trend: Trend
    plot: Plot | None


@dataclass(frozen=True)
class FlowChart:
    """Where one arm of a chain loses information."""

    arm: str
    loss: Loss
    flow: Flow | None


def loss_chart(curve: Curve, words: Words) -> LossChart:
    """Loss and learning rate of one tuning; the table has at most 60 rows."""
    loss = charts.plot(
        [
            Series(words.say("training.loss"), curve.loss, "line-a"),
            Series(words.say("training.valid"), curve.valid, "line-b", dots=True),
        ],
        width=HALF,
        height=190,
    )
    rate = charts.plot([Series(words.say("training.rate"), curve.learning_rate, "line-c")], width=HALF, height=110)
    losses, valid, rates = dict(curve.loss), dict(curve.valid), dict(curve.learning_rate)
    updates = sorted(losses.keys() | valid.keys() | rates.keys())
    every = max(1, len(updates) // 60)
    shown = [u for i, u in enumerate(updates) if i % every == 0 or u in valid or u == updates[-1]]
    return LossChart(curve, loss, rate, tuple((u, losses.get(u), valid.get(u), rates.get(u)) for u in shown))


def memory_chart(memory: Memory, words: Words) -> MemoryChart:
    """The steps' timelines laid end to end, each with its forecast, under the cut line."""
    start, lines, places = 0.0, list[Series](), list[tuple[StepMemory, float, float]]()
    for step in memory.models:
        if not step.timeline:
            continue
        length = max(step.seconds, step.timeline[-1][0])
        lines.append(Series(step.step, [(start + t, b / 1e9) for t, b in step.timeline], "line-a"))
        places.append((step, start, start + length))
        start += length
    levels = [Level(words.say("memory.line", limit=""), memory.limit / 1e9, "limit")] if memory.limit else []
    forecasts = [step.forecast / 1e9 for step, _, _ in places if step.forecast]
    ceiling = [Level("", max(forecasts), "none")] if forecasts else []
    plot = charts.plot(lines, [*levels, *ceiling], width=860, height=270, left=70, whole_x=False)
    if plot is None:
        return MemoryChart(None, ())
    top = max(((y, x) for line in lines for x, y in line.points), default=(0.0, 0.0))
    return MemoryChart(plot, tuple(_span(plot, *place) for place in places), plot.at(top[1], top[0]))


def _span(plot: Plot, step: StepMemory, x0: float, x1: float) -> Span:
    left, y = plot.at(x0, (step.forecast or 0.0) / 1e9)
    right = min(plot.right, plot.at(x1, 0)[0])
    kind, _, name = step.step.partition("/")
    label = name.partition("/")[0] if kind == "tune" else kind
    room = (right - left) / 7  # characters of the tick font
    return Span(step, left, right, y if step.forecast else None, label if len(label) + 1 < room else "")


def axis_charts(sweep: Sweep, words: Words) -> tuple[AxisChart, ...]:
    """One chart a setting that the sweep varies: each variant a dot, the mean of every value a line."""
    found: list[AxisChart] = []
    for axis in sweep.axes:
        series = [
            Series(words.say("sweep.variant"), axis.scores, "line-dots", dots=True),
            Series(words.say("sweep.mean"), axis.means, "line-a"),
            Series(words.say("sweep.winner"), axis.chosen, "line-win", dots=True),
        ]
        plot = charts.plot(series, width=HALF, height=190, right=40, zero=False)
        if plot is not None:
            marks = tuple((plot.at(float(place), 0)[0], label) for place, label in enumerate(axis.labels))
            found.append(AxisChart(axis, plot, marks))
    return tuple(found)


def trend_chart(trend: Trend, words: Words) -> TrendChart | None:
    """Before and after over the records; None while there is only one."""
    if len(trend.points) < 2:
        return None
    before = [(float(i), p.before) for i, p in enumerate(trend.points) if p.before is not None]
    after = [(float(i), p.after) for i, p in enumerate(trend.points) if p.after is not None]
    series = [
        Series(words.say("col.before"), before, "line-b", dots=True),
        Series(words.say("col.after"), after, "line-a", dots=True),
    ]
    return TrendChart(trend, charts.plot(series, width=HALF, height=170, right=36, zero=False))


def flow_charts(attribution: Attribution) -> tuple[FlowChart, ...]:
    """The flows of the untuned chain and of the fully tuned one, as far as the reference arms were measured."""
    if len(attribution.tuned) != 2:
        return ()
    pairs = [("before", "base", "base"), ("after", attribution.tuned[0], attribution.tuned[1])]
    found = []
    for arm, first, second in pairs:
        loss = attribution.loss(first, second)
        if loss is not None:
            found.append(FlowChart(arm, loss, charts.flow(loss.value, loss.oracle, loss.best)))
    return tuple(found)


def interval_charts(checks: Sequence[Check], words: Words) -> dict[str, Interval]:
    """One interval plot a check with a change; checks of one kind of effect share an axis."""
    found: dict[str, Interval] = {}
    for effect in sorted({c.effect for c in checks}):
        same = [c for c in checks if c.effect == effect and (c.low is not None or words.estimate(c) is not None)]
        effects = [Effect(words.estimate(c), c.low, c.high, c.target if c.kind == "target" else None) for c in same]
        found |= {c.id: drawn for c, drawn in zip(same, charts.intervals(effects), strict=True)}
    return found
