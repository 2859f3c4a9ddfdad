"""Numbers in running text, by value: 1,234 is 1234.0, and 3만 is 30,000."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(r"(?<![\d.])(\d{1,3}(?:,\d{3})+(?!\d)|\d+)(\.\d+)?(?:\s?(천|백)?(만|억|조)|(천|백))?")
_SCALES = {"백": 10**2, "천": 10**3, "만": 10**4, "억": 10**8, "조": 10**12}
_MAX_DIGITS = 40

Reading = frozenset[Decimal]
"""The values that one number may have: 3만 is 30,000, or 3 with the particle that means "only"."""


def readings(text: str) -> frozenset[Reading]:
    """Every number that the text states. A compound such as 1억 5천만 is two numbers; signs are not read."""
    found = set()
    for match in _NUMBER.finditer(text):
        digits = (match.group(1) + (match.group(2) or "")).replace(",", "")
        if len(digits) <= _MAX_DIGITS:
            bare = Decimal(digits)
            scale = 1
            for name in match.groups()[2:]:
                scale *= _SCALES.get(name, 1)
            found.add(frozenset({bare.normalize(), (bare * scale).normalize()}))
    return frozenset(found)


def supported_by(texts: list[str]) -> Reading:
    """Every value that any reading of any number in the texts has."""
    return frozenset(value for text in texts for reading in readings(text) for value in reading)
