"""Numbers, sizes, spans of time and dates as people of one language write them. Pure; no locale of the machine."""

from __future__ import annotations

import math
from datetime import UTC, datetime

UNKNOWN = "–"
MINUS = "−"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _sign(text: str, value: float, *, plus: bool) -> str:
    if not any(c in "123456789" for c in text):
        return text
    return MINUS + text if value < 0 else ("+" + text if plus else text)


def number(value: float | None, digits: int = 3, *, plus: bool = False) -> str:
    """A plain number with `digits` decimals and grouped thousands: `0.736`, `−1,204.500`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return _sign(f"{abs(value):,.{digits}f}", value, plus=plus)


def count(value: float | None) -> str:
    """A whole number with grouped thousands."""
    return number(value, 0)


def measure(value: float | None, unit: str = "") -> str:
    """A metric's value with as many decimals as its size calls for: `0.736`, `12.4`, `1,204`."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    digits = 3 if size < 10 else (1 if size < 1000 else 0)
    text = number(value, digits)
    return f"{text} {unit}" if unit else text


def percent(fraction: float | None, digits: int = 1, *, plus: bool = False) -> str:
    """A fraction of one in percent: `+30.3%`."""
    if fraction is None or not math.isfinite(fraction):
        return UNKNOWN
    return _sign(f"{abs(fraction) * 100:,.{digits}f}%", fraction, plus=plus)


def compact(value: float | None) -> str:
    """A number for an axis or a small figure, four significant digits at most, never in surprising notation."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value != 0 and abs(value) < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", MINUS)
    text = f"{abs(value):,.4g}" if abs(value) < 1000 else f"{abs(value):,.0f}"
    return _sign(text, value, plus=False)


def size(value: float | None) -> str:
    """Bytes in decimal units: 1 GB is 10**9 bytes."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for unit, scale, digits in (("GB", 1e9, 2), ("MB", 1e6, 0), ("kB", 1e3, 0)):
        if abs(value) >= scale:
            text = f"{value / scale:,.{digits}f}"
            return f"{text.rstrip('0').rstrip('.') if digits else text} {unit}"
    return f"{value:,.0f} B"


def p_value(value: float | None) -> str:
    """A p value; tiny ones as a bound."""
    if value is None:
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def duration(seconds: float | None, language: str) -> str:
    """A span of time in the two largest units: `3 min 12 s`, `3분 12초`."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    names = ("시간", "분", "초") if language == "ko" else (" h", " min", " s")
    if 0 < seconds < 10:
        return f"{seconds:.1f}{names[2]}"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, names[0]), (minutes, names[1])] if hours else [(minutes, names[1]), (rest, names[2])]
    written = [f"{n}{unit}" for n, unit in parts if n]
    return " ".join(written) if written else f"0{names[2]}"


def moment(text: str, language: str) -> str:
    """An RFC 3339 time in UTC: `22 Nov 2026, 18:40 UTC`, `2026년 11월 22일 18:40 UTC`. Other text stays as it is."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    clock = f"{when.hour:02d}:{when.minute:02d} UTC"
    if language == "ko":
        return f"{when.year}년 {when.month}월 {when.day}일 {clock}"
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {clock}"


def day(text: str, language: str) -> str:
    """The date of an RFC 3339 time, short, for an axis."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text[:10]
    return f"{when.month}월 {when.day}일" if language == "ko" else f"{when.day} {_MONTHS[when.month - 1]}"
