"""Numbers in running text, by value: 1,234 is 1234.0, and 3만 is 30,000."""

from __future__ import annotations

import re
from decimal import Decimal

# A number, and the Korean scales right after it: 3천만, 2.5천, 1억; but 2조각 are two pieces.
_NUMBER = re.compile(r"(?<![\d.])(\d{1,3}(?:,\d{3})+(?!\d)|\d+)(\.\d+)?(?:\s?(십|백|천)?(만|억|조(?!각))|(백|천))?")
_SCALES = {"십": 10, "백": 10**2, "천": 10**3, "만": 10**4, "억": 10**8, "조": 10**12}
_MAX_DIGITS = 28  # more than these a decimal context rounds


def values(text: str) -> frozenset[Decimal]:
    """The value of every number in a text. A compound such as 1억 5천만 is two numbers; signs are not read."""
    found = set()
    for match in _NUMBER.finditer(text):
        digits = (match.group(1) + (match.group(2) or "")).replace(",", "")
        if len(digits) <= _MAX_DIGITS:
            value = Decimal(digits)
            for scale in match.groups()[2:]:
                value *= _SCALES.get(scale, 1)
            found.add(value.normalize())
    return frozenset(found)
