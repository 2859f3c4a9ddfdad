"""Text in one form: NFC, with white space, case and punctuation taken away as far as a comparison asks for."""

from __future__ import annotations

import re
import unicodedata


def nfc(text: str) -> str:
    """Canonical composition (Unicode TR15): decomposed Hangul, as macOS file names have it, becomes syllables."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def collapse(text: str) -> str:
    """NFC with white space collapsed to single spaces and stripped."""
    return " ".join(nfc(text).split())


def loose(text: str) -> str:
    """`collapse`, case folded, with every character that is neither letter, digit nor mark taken for a space."""
    return " ".join(_fold(text).translate(_WORDS).split())


def bare(text: str) -> str:
    """What is left of a text for telling near-equal ones: case folded, no punctuation, no white space.

    Two digits that something stood between stay apart, so that "1 23" is not "12 3". Symbols such as + and % stay.
    """
    return _BESIDE_NO_DIGIT.sub("", " ".join(_fold(text).translate(_WORDS_AND_SYMBOLS).split()))


def _fold(text: str) -> str:
    return text.lower() if text.isascii() else nfc(nfc(text).casefold())


class _Kept(dict[int, int]):
    """A table for `str.translate`, filled as characters are met: those of other categories become spaces."""

    def __init__(self, categories: str) -> None:
        super().__init__()
        self._categories = categories

    def __missing__(self, point: int) -> int:
        self[point] = point if unicodedata.category(chr(point))[0] in self._categories else 0x20
        return self[point]


_WORDS = _Kept("LNM")
_WORDS_AND_SYMBOLS = _Kept("LNMS")
_BESIDE_NO_DIGIT = re.compile(r"(?<!\d) | (?!\d)")
