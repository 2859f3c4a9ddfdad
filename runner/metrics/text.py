"""Text cut into the unit that a metric declares: syllables, words, morphemes, sentences."""

from __future__ import annotations

import functools
import re
from typing import Any

from runner.errors import InvalidError
from runner.samples.text import nfc

# Scripts written without spaces between words, or (Hangul) with endings attached: one token a character.
_BLOCKS = "\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
_SYLLABLE = re.compile(rf"[{_BLOCKS}]|(?:(?![{_BLOCKS}])[^\W_])+")
_WORD = re.compile(r"[^\W_]+")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")


def tokens(text: str, unit: str) -> list[str]:
    """Lower-cased tokens of NFC text.

    `syllable`: each Hangul syllable, Han character or kana is one token, other words are whole; on ASCII text this
    is rouge-score's tokenizer without its stemmer. `word`: runs of letters and digits. `kiwi`: morphemes.

    Raises:
        InvalidError: unit `kiwi` without the package kiwipiepy.
    """
    text = nfc(text).lower()
    if unit == "kiwi":
        return [t.form for t in _kiwi().tokenize(text) if t.tag[0] != "S" or t.tag in ("SL", "SN", "SH")]
    return (_SYLLABLE if unit == "syllable" else _WORD).findall(text)


@functools.cache
def _kiwi() -> Any:
    try:
        import kiwipiepy
    except ImportError as error:
        raise InvalidError("unit `kiwi` needs the package kiwipiepy", help="pip install kiwipiepy") from error
    return kiwipiepy.Kiwi(num_workers=1)


def sentences(text: str, ends: str) -> list[str]:
    """Sentences of NFC text: its lines (`lines`, as rouge-score has it), or also after . ! ? (`punctuation`)."""
    parts = nfc(text).split("\n") if ends == "lines" else _SENTENCE.split(nfc(text))
    return [part for part in parts if part]
