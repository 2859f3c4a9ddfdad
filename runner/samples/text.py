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
