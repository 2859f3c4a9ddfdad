"""Numbers as a verdict says them. Reports format for themselves; records keep full precision."""

from __future__ import annotations

GIGABYTE = 10**9


def change(kind: str, value: float) -> str:
    """`+15%`, `+0.03 points` or `+20% of the error`, at most four digits."""
    if kind == "points":
        return f"{value:+.4g} points"
    text = f"{value:+.1%}".replace(".0%", "%")
    return f"{text} of the error" if kind == "error_reduction" else text


def figure(value: float, unit: str = "") -> str:
    """A measured value with its unit; bytes in GB."""
    if unit == "bytes":
        return f"{value / GIGABYTE:.2f} GB"
    text = f"{value:.4g}" if value != int(value) or abs(value) >= 1e15 else f"{int(value)}"
    return f"{text} {unit}" if unit and unit[0] != "%" else text


def count(number: int, noun: str) -> str:
    """`1 sample`, `2 samples`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
