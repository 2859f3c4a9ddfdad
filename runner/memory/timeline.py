"""Memory over time in a bounded number of points: each keeps the highest value of the span that it stands for."""

from __future__ import annotations

POINTS = 600


class Timeline:
    """Points of (seconds, bytes), halved in number whenever there are twice `POINTS`."""

    def __init__(self) -> None:
        self._points: list[tuple[float, int]] = []
        self._open: tuple[float, int] | None = None  # the highest of the span that is being filled
        self._filled = 0
        self._span = 1  # samples a point

    def add(self, seconds: float, value: int) -> None:
        """Take one sample."""
        if self._open is None or value > self._open[1]:
            self._open = (seconds, value)
        self._filled += 1
        if self._filled >= self._span:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._points.append(self._open)
        self._open, self._filled = None, 0
        if len(self._points) >= 2 * POINTS:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [max(pair, key=lambda point: point[1]) for pair in pairs]
            self._span *= 2

    def points(self) -> tuple[tuple[float, int], ...]:
        """What was seen so far, in order of time; seconds to the millisecond."""
        last = [self._open] if self._open is not None else []
        return tuple((round(seconds, 3), value) for seconds, value in [*self._points, *last])
