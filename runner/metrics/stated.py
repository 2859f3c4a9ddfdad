"""Whether a text states a fact: the words of it, not a piece of a longer number, word or Korean noun.

"2" is not stated by "12", nor 서울 by 서울대; but "서울에서는" states 서울, because particles are no part of a noun.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

from runner.samples.sample import Fact
from runner.samples.text import collapse

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# What may follow a Korean noun without a space: plural, up to two particles of place and manner, and one of those that
# end a word: case and topic particles, endings of the copula, of 하다 and of 되다.
_MIDDLE = (
    "으로서|으로써|로서|로써|에서|에게|께서|한테|으로|부터|까지|처럼|보다|마다|조차|마저|밖에|하고|"
    "에|로|와|과|만|뿐|쯤|씩"
)
_CASE = "은|는|이|가|을|를|도|의|이나|나|이랑|랑|이라도|라도|야|요"
_COPULA = (
    "이었습니다|였습니다|입니다|이었다|였다|이다|이고|이며|이라고|라고|이라는|라는|이라서|라서|이라|"
    "이지만|이므로|이지|이죠|이요|예요|에요|인|임"
)
_VERBS = (
    "하였습니다|했습니다|합니다|하였다|했다|한다|하다|하여|하며|하는|하기|해서|한|할|함|했음|"
    "되었습니다|됐습니다|됩니다|되었다|됐다|된다|되다|되어|되며|되고|되는|되기|돼서|된|될|됨|되었음"
)
_AFTER_NOUN = re.compile(rf"들?(?:{_MIDDLE}){{0,2}}(?:{_CASE}|{_COPULA}|{_VERBS})?(?![가-힣])")


@functools.lru_cache(maxsize=16_384)
def prepare(text: str) -> str:
    """The form in which facts and answers are compared: NFC, case folded, single spaces, no thousands commas."""
    return _THOUSANDS.sub("", collapse(text).casefold())


def positions(prepared: str, fact: str) -> Iterator[int]:
    """Where the prepared text states the prepared fact, from the left."""
    at = prepared.find(fact) if fact else -1
    while at >= 0:
        if _starts(prepared, at, fact) and _ends(prepared, at + len(fact), fact):
            yield at
        at = prepared.find(fact, at + 1)


def states(prepared: str, fact: str) -> bool:
    """Whether the prepared text states the prepared fact at least once."""
    return next(positions(prepared, fact), -1) >= 0


def is_stated(prepared: str, fact: Fact) -> bool:
    """Whether the prepared text states a fact in any of its forms, and none of its forbidden ones."""
    return any(states(prepared, prepare(form)) for form in (fact.text, *fact.aliases)) and not is_denied(prepared, fact)


def is_denied(prepared: str, fact: Fact) -> bool:
    """Whether the prepared text states a forbidden form of the fact."""
    return any(states(prepared, prepare(form)) for form in fact.forbid)


def ends_as_noun(text: str, end: int) -> bool:
    """Whether a Korean noun that ends here is followed by particles and endings alone."""
    return _AFTER_NOUN.match(text, end) is not None


def _is_hangul(character: str) -> bool:
    return "가" <= character <= "힣"


def _is_latin(character: str) -> bool:
    return character.isalpha() and not _is_hangul(character) and character < "\u1100"


def _starts(text: str, at: int, fact: str) -> bool:
    first, before = fact[0], text[at - 1] if at else " "
    if first.isdigit():
        if before.isdigit():
            return False
        earlier = text[at - 2] if at > 1 else " "
        if before in ".," and earlier.isdigit():  # 1.25 does not state 25
            return False
        # −7 does not state 7; 3-7 and A-7 do, the dash being none of the number's.
        return not (before in "-−" and not earlier.isalnum())
    if _is_hangul(first):
        return not _is_hangul(before)
    return not (_is_latin(first) and _is_latin(before))


def _ends(text: str, end: int, fact: str) -> bool:
    last, after = fact[-1], text[end : end + 1] or " "
    if last.isdigit():
        return not after.isdigit() and not (after in ".," and text[end + 1 : end + 2].isdigit())
    if _is_hangul(last):
        return ends_as_noun(text, end)
    return not (_is_latin(last) and _is_latin(after))


class Vocabulary:
    """Many facts' forms, searched in one pass over a text."""

    def __init__(self, forms: Iterable[str]) -> None:
        self._by_start: dict[str, list[str]] = {}
        for form in sorted({prepare(f) for f in forms}, key=lambda f: (-len(f), f)):
            if form:
                self._by_start.setdefault(form[:2], []).append(form)

    def find(self, prepared: str) -> frozenset[str]:
        """The forms that the prepared text states; one inside a longer stated one does not count."""
        found = set()
        at = 0
        while at < len(prepared):
            form = self._at(prepared, at)
            if form:
                found.add(form)
            at += len(form) or 1
        return frozenset(found)

    def _at(self, prepared: str, at: int) -> str:
        candidates = self._by_start.get(prepared[at : at + 2], []) + self._by_start.get(prepared[at : at + 1], [])
        for form in candidates:
            if prepared.startswith(form, at) and _starts(prepared, at, form) and _ends(prepared, at + len(form), form):
                return form
        return ""
