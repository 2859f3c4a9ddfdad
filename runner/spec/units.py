"""Texts with units → numbers: sizes in bytes, durations in seconds, shares of one. A bare number has no meaning."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)"
SIZE_UNITS = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
DURATION_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
SIZE = rf"{_NUMBER} ?({'|'.join(SIZE_UNITS)})"
DURATION = rf"{_NUMBER} ?({'|'.join(DURATION_UNITS)})"
SHARE = rf"{_NUMBER} ?%"
PATTERNS = {"size": SIZE, "duration": DURATION, "share": SHARE}
EXAMPLES = {"size": "20GB", "duration": "8h", "share": "15%"}


# What people write for units, in small letters.
_ALIASES = {
    "size": {
        **{unit.lower(): unit for unit in reversed(SIZE_UNITS)},
        **dict.fromkeys(("k", "kilo", "킬로"), "kB"),
        **dict.fromkeys(("m", "mega", "megs", "메가"), "MB"),
        **dict.fromkeys(
            ("g", "gig", "gigs", "giga", "gbs", "gbyte", "gbytes", "gigabytes", "기가", "기가바이트"), "GB"
        ),
        **dict.fromkeys(("t", "tera", "테라"), "TB"),
    },
    "duration": {
        **{unit: unit for unit in DURATION_UNITS},
        **dict.fromkeys(("sec", "secs", "second", "seconds", "초"), "s"),
        **dict.fromkeys(("m", "mins", "minute", "minutes", "분"), "min"),
        **dict.fromkeys(("hr", "hrs", "hour", "hours", "시간"), "h"),
        **dict.fromkeys(("day", "days", "일"), "d"),
    },
    "share": dict.fromkeys(("", "%", "percent", "pct", "퍼센트", "프로"), "%"),
}
_FIGURE = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)


def meant(value: str | float, unit: str) -> str:
    """How a value without a known unit was most likely meant (`20gb`, `8시간`, a bare 0.05); "" if unclear."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", value).strip().casefold()
        number = _FIGURE.match(text)
        found = _ALIASES[unit].get(text[number.end() :].strip()) if number else None
        return f"{number[0]}{found}" if number and found else ""
    if value <= 0:
        return ""
    if unit == "share":
        return f"{100 * value if value <= 1 else value:g}%"
    return f"{value:g}{'GB' if unit == 'size' else 'h'}"


def size_bytes(text: str) -> int:
    """`20GB` → 20_000_000_000 (1 GB is 10**9 bytes, 1 GiB is 2**30).

    Raises:
        ValueError: not a size.
    """
    found = re.fullmatch(SIZE, text, re.ASCII)
    if not found:
        raise ValueError(text)
    return int(Decimal(found[1]) * SIZE_UNITS[found[2]])


def duration_seconds(text: str) -> float:
    """`8h` → 28800.0; units s, min, h, d.

    Raises:
        ValueError: not a duration.
    """
    found = re.fullmatch(DURATION, text, re.ASCII)
    if not found:
        raise ValueError(text)
    return float(Decimal(found[1]) * DURATION_UNITS[found[2]])


def share(value: str | float) -> float:
    """`15%` → 0.15; 0 needs no unit.

    Raises:
        ValueError: neither a percentage nor 0.
    """
    if value == 0:
        return 0.0
    found = re.fullmatch(SHARE, value, re.ASCII) if isinstance(value, str) else None
    if not found:
        raise ValueError(value)
    return float(Decimal(found[1]) / 100)


def quantity(value: str | float, unit: str) -> float:
    """A limit's value in the metric's own unit: `bytes` from a size, `seconds` from a duration, else a number or share.

    Raises:
        ValueError: the value has another unit.
    """
    if unit == "bytes":
        return float(size_bytes(str(value)))
    if unit == "seconds":
        return duration_seconds(str(value))
    if isinstance(value, str):
        return share(value)
    if not isinstance(value, int | float):  # an empty list or section, which the schema has already named
        raise ValueError(value)
    return float(value)
