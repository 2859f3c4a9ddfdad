"""Texts with units → numbers: sizes in bytes, durations in seconds, shares of one. A bare number has no meaning."""

from __future__ import annotations

import re
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
