"""The facts that answers are judged by: those of the rows, or numbers and names taken from the references."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner.errors import InvalidError
from runner.metrics.korean_names import find_names
from runner.metrics.pairs import Pair
from runner.samples.sample import Fact
from runner.samples.text import nfc

DERIVATION = "|derived=3"  # version of `derive`: 2 finds Korean names, 3 fewer that are none
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_NAME = re.compile(r"(?:[A-Z][A-Za-z0-9]*[A-Z0-9][A-Za-z0-9]*|[A-Z][a-z]+)(?:[ -](?:[A-Z][A-Za-z0-9]*))*")
_QUOTED = re.compile(r"[\"“「『'‘]([^\"”」』'’\n]{1,60})[\"”」』'’]")
_OPENING = re.compile(r"(?:\A|[.!?]\s+|\n)\s*\Z")


def derive(reference: str) -> tuple[Fact, ...]:
    """Numbers, Latin and Korean names and quoted words of a reference, each once, in order.

    A capitalized plain word that opens a sentence is not taken for a name.
    """
    text = nfc(reference)
    found: dict[str, None] = {}
    spans = [(m.start(), m.group()) for m in _NUMBER.finditer(text) if not _inside_word(text, m.start())]
    spans += [(m.start(), m.group()) for m in _NAME.finditer(text) if not _opens(text, m)]
    spans += [(m.start(1), m.group(1).strip()) for m in _QUOTED.finditer(text)]
    spans += find_names(text)
    for _, form in sorted(spans):
        if form:
            found.setdefault(form)
    return tuple(Fact(form) for form in found)


def _inside_word(text: str, at: int) -> bool:
    return at > 0 and text[at - 1].isascii() and text[at - 1].isalpha()


def _opens(text: str, match: re.Match[str]) -> bool:
    plain = match.group().isalpha() and match.group()[1:].islower()
    return plain and _OPENING.search(text[: match.start()]) is not None


def _are_given(pairs: Sequence[Pair], facts: str) -> bool:
    return facts == "given" or (facts == "auto" and any(p.sample.facts for p in pairs))


def derivation(pairs: Sequence[Pair], facts: str) -> str:
    """What a signature holds besides where facts are taken from references: in which way; "" where rows bring them."""
    return "" if _are_given(pairs, facts) else DERIVATION


def judged(pairs: Sequence[Pair], facts: str) -> tuple[tuple[Pair, tuple[Fact, ...]], ...]:
    """Each pair that has facts, with them. `auto` is `given` where any row brings facts, and `derived` elsewhere.

    Raises:
        InvalidError: no row has any.
    """
    given = _are_given(pairs, facts)
    rows = [(p, p.sample.facts if given else derive(p.sample.reference)) for p in pairs]
    kept = tuple((p, f) for p, f in rows if f)
    if not kept:
        where = "no row has `facts`" if given else "no reference holds a number, a name or a quoted word"
        raise InvalidError(f"{where}, so no answer can be judged by facts", help="name the column: `facts: facts`")
    return kept
