"""Geometry of the report's charts: values in, coordinates out. Templates draw them as SVG; nothing here knows words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]
MAX_POINTS = 240


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it is drawn, and for what value."""

    at: float
    value: float


@dataclass(frozen=True)
class Series:
    """A named line to draw. `style` is a CSS class."""

    name: str
    points: Points
    style: str
    dots: bool = False


@dataclass(frozen=True)
class Level:
    """A horizontal line at a value."""

    name: str
    value: float
    style: str


@dataclass(frozen=True)
class DrawnLine:
    name: str
    style: str
    path: str
    area: str  # the same line closed down to the axis
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class DrawnLevel:
    name: str
    style: str
    y: float
    value: float


@dataclass(frozen=True)
class Plot:
    """A line chart in a box of `width` × `height`, the data inside left…right × top…bottom."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    xs: tuple[Tick, ...]
    ys: tuple[Tick, ...]
    lines: tuple[DrawnLine, ...]
    levels: tuple[DrawnLevel, ...]
    low: float  # x of the left edge
    high: float
    floor: float  # y of the lower edge
    ceiling: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is drawn."""
        box = Box((self.low, self.high), (self.floor, self.ceiling), self.left, self.right, self.top, self.bottom)
        across, down = box.at(x, y)
        return round(across, 1), round(down, 1)


@dataclass(frozen=True)
class Interval:
    """One effect with its interval on an axis that it shares with others of its kind."""

    zero: float
    estimate: float | None
    low: float | None
    high: float | None
    target: float | None
    ticks: tuple[Tick, ...]
    width: float = 320


@dataclass(frozen=True)
class Flow:
    """The flow picture of a chain: one band that loses a share in each of two stages."""

    width: float
    height: float
    nodes: tuple[tuple[float, float, float], ...]  # x, top, height of the upright bars
    kept: tuple[str, ...]  # paths of what goes on
    lost: tuple[str, ...]  # paths of what branches off
    ends: tuple[tuple[float, float], ...]  # where the labels of the losses go


def ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Round values from `low` to `high`, steps of 1, 2 or 5 times a power of ten, at most about `most` of them."""
    if not high > low:
        return (low,)
    rough = (high - low) / max(1, most - 1)
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(s * scale for s in (1, 2, 2.5, 5, 10) if s * scale >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(n * step, 12) for n in range(first, last + 1))


def thinned(points: Points, most: int = MAX_POINTS) -> tuple[tuple[float, float], ...]:
    """At most about `most` points that keep every bucket's smallest and greatest value."""
    if len(points) <= most:
        return tuple(points)
    size = math.ceil(len(points) / (most // 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        bucket = points[start : start + size]
        ends = {min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])}
        kept += sorted(ends)
    return tuple(kept)


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _path(points: Points) -> str:
    return "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in points) if points else ""


@dataclass(frozen=True)
class Box:
    """The data's ranges and where they lie on the drawing."""

    x: tuple[float, float]
    y: tuple[float, float]
    left: float
    right: float
    top: float
    bottom: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is drawn."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)

    def line(self, one: Series) -> DrawnLine:
        """A series as a path, and the same closed down to the axis."""
        where = [self.at(x, y) for x, y in thinned(one.points)]
        path = _path(where)
        area = f"{path}L{_number(where[-1][0])} {_number(self.bottom)}L{_number(where[0][0])} {_number(self.bottom)}Z"
        dots = tuple((round(x, 1), round(y, 1)) for x, y in where) if one.dots else ()
        return DrawnLine(one.name, one.style, path, area, dots)


def _value_range(values: Sequence[float], *, zero: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    spread = high - low or abs(high) or 1.0
    low = min(0.0, low) if zero else low - spread * 0.15
    return low, high + (high - low or spread) * 0.06


def plot(
    series: Sequence[Series],
    levels: Sequence[Level] = (),
    *,
    width: float = 640,
    height: float = 260,
    left: float = 58,
    right: float = 14,
    foot: float = 30,
    zero: bool = True,
    whole_x: bool = True,
) -> Plot | None:
    """A line chart, or None where there is nothing to draw. With `zero`, the value axis starts at 0."""
    drawn = [s for s in series if s.points]
    if not drawn:
        return None
    across = [x for s in drawn for x, _ in s.points]
    values = [y for s in drawn for _, y in s.points] + [level.value for level in levels]
    box = Box(
        (min(across), max(across)), _value_range(values, zero=zero), left, width - right, top=14.0, bottom=height - foot
    )
    marks = [v for v in ticks(*box.x, 5) if not whole_x or v == int(v)]
    return Plot(
        width=width,
        height=height,
        left=left,
        right=box.right,
        top=box.top,
        bottom=box.bottom,
        xs=tuple(Tick(round(box.at(v, 0)[0], 1), v) for v in marks),
        ys=tuple(Tick(round(box.at(0, v)[1], 1), v) for v in ticks(*box.y)),
        lines=tuple(box.line(s) for s in drawn),
        levels=tuple(DrawnLevel(v.name, v.style, round(box.at(0, v.value)[1], 1), v.value) for v in levels),
        low=box.x[0],
        high=box.x[1],
        floor=box.y[0],
        ceiling=box.y[1],
    )


@dataclass(frozen=True)
class Effect:
    """What an interval plot is made of, in the units of the effect."""

    estimate: float | None
    low: float | None
    high: float | None
    target: float | None


def intervals(effects: Sequence[Effect], width: float = 320) -> tuple[Interval, ...]:
    """Interval plots on one axis that always shows 0; an end beyond ten times the estimates is clipped."""
    inner = [v for e in effects for v in (e.estimate, e.target) if v is not None]
    known = [v for e in effects for v in (e.low, e.high) if v is not None] + inner
    if not known:
        return tuple(Interval(0, None, None, None, None, (), width) for _ in effects)
    reach = 10 * max((abs(v) for v in inner), default=max(abs(v) for v in known)) or 1.0
    low, high = max(-reach, min(0.0, *known)), min(reach, max(0.0, *known))
    pad = (high - low or 1.0) * 0.08
    low, high = low - pad, high + pad

    def at(value: float | None) -> float | None:
        return None if value is None else round(8 + (min(max(value, low), high) - low) / (high - low) * (width - 16), 1)

    marks = tuple(Tick(at(v) or 0.0, v) for v in ticks(low, high, 5))
    return tuple(
        Interval(at(0.0) or 0.0, at(e.estimate), at(e.low), at(e.high), at(e.target), marks, width) for e in effects
    )


def flow(value: float, oracle: float, best: float, *, width: float = 640, full: float = 84) -> Flow | None:
    """The flow from `best` over what the first stage keeps to `value`.

    A loss below 0 (a stage that beats the reference) is drawn as 0; labels keep the true figures.
    """
    if best <= 0:
        return None
    first = max(0.0, min(1.0, (oracle - value) / best)) * full
    second = max(0.0, min(full - first, (best - oracle) / best * full))
    top, gap = 34.0, 20.0
    base = top + full
    middle, end = width * 0.44, width * 0.88
    upper, arrived = top + full - first, top + full - first - second

    def kept(x0: float, x1: float, low: float) -> str:
        return _path([(x0, top), (x1, top), (x1, low), (x0, low)]) + "Z"

    def lost(x0: float, x1: float, high: float, low: float) -> str:
        bend, drop = (x0 + x1) / 2, base + gap
        under = drop + low - high
        curve = [(x0, high), (bend, high), (bend, drop), (x1, drop), (x1, under), (bend, under), (bend, low), (x0, low)]
        p = [f"{_number(x)} {_number(y)}" for x, y in curve]
        return f"M{p[0]}C{p[1]} {p[2]} {p[3]}L{p[4]}C{p[5]} {p[6]} {p[7]}Z"

    return Flow(
        width=width,
        height=base + gap + max(first, second, 14) + 10,
        nodes=((8, top, full), (middle, top, upper - top), (end, top, max(1.0, arrived - top))),
        kept=(kept(8, middle, upper), kept(middle, end, arrived)),
        lost=(lost(8, middle - 60, upper, base), lost(middle, end - 60, arrived, upper)),
        ends=((middle - 54, base + gap + first / 2 + 4), (end - 54, base + gap + second / 2 + 4)),
    )
