"""Text in one form: NFC, with white space, case and punctuation taken away as far as a comparison asks for."""

from __future__ import annotations

import unicodedata


def nfc(text: str) -> str:
    """Canonical composition (Unicode TR15): decomposed Hangul, as macOS file names have it, becomes syllables."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def collapse(text: str) -> str:
    """NFC with white space collapsed to single spaces and stripped."""
    return " ".join(nfc(text).split())


def loose(text: str) -> str:
    """`collapse`, case folded, with every character that is neither letter, digit nor mark taken for a space."""
    folded = nfc(nfc(text).casefold())
    return " ".join("".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in folded).split())


def bare(text: str) -> str:
    """What is left of a text for telling near-equal ones: case folded, no punctuation, no white space.

    Two digits that something stood between stay apart, so that "1 23" is not "12 3". Symbols such as + and % stay.
    """
    kept: list[str] = []
    gap = False
    for c in nfc(nfc(text).casefold()):
        if unicodedata.category(c)[0] not in "LNMS":
            gap = True
            continue
        if gap and kept and kept[-1].isdigit() and c.isdigit():
            kept.append(" ")
        kept.append(c)
        gap = False
    return "".join(kept)
