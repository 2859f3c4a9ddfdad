"""Near-duplicates of one held-out split among rows that stream by, also where the rows are filled-in forms.

Rows of a form share most of their wording, so two of them look alike that have nothing in common but the form. There
the wording that many rows share is taken out first, and what is left, the fields, is compared. How many rows share a
piece of wording is known only when the last row was read: until then the likeliest pairs wait, a few a held-out row.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from runner.samples.shingles import SIMILAR, SIZE, Hashes, Near, ShingleIndex, shingles

FORM_ROWS = 20  # wording that more rows share is the form's, whatever the size of the data
FORM_SHARE = 0.001  # or more than this share of all rows
LEAST_LETTERS = 12  # of what a form's fields hold; with fewer, two rows cannot be told to be copies
LEAST_ANSWER = 40  # letters of a right answer that tell two images apart; shorter ones fit many
LONG_LETTERS = 50  # from here on the same text with other numbers is a copy as well
LEAST_CONTAINED = 40  # letters of a row that a longer one holds
MARGIN_BITS = 7
WAITING = 4  # pairs kept for each held-out row
_NO_DIGITS = re.compile(r"\D+")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, order=True)
class _Waiting:
    """A text that shares wording with a held-out one. Ordered by how much; of equals the first read is greater."""

    shared: int
    age: int
    place: tuple[str, int]
    text: str


@dataclass(frozen=True)
class Found:
    """A row (its split and line) that nearly repeats a held-out one."""

    place: tuple[str, int]
    line: int  # of the held-out row
    similarity: float


class HeldTexts:
    """The bare texts of one held-out split. All are added before the first row of another split asks.

    With `as_forms` they are compared as a form's are, whether or not they share wording; `least` is how many letters
    what is left of two texts needs at least.
    """

    def __init__(self, *, as_forms: bool = False, least: int = LEAST_LETTERS) -> None:
        self._as_forms, self._least = as_forms, least
        self._lines: list[int] = []
        self._texts: list[str] = []
        self._index: ShingleIndex | None = None
        self._seen: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # rows with each shingle, held-out ones too
        self._asked = 0
        self._waiting: dict[int, list[_Waiting]] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: int, text: str) -> None:
        """Take in one held-out row."""
        self._lines.append(line)
        self._texts.append(text)

    def close(self) -> ShingleIndex:
        """Say that all rows of the split were added; the index of their texts."""
        if self._index is None:
            self._index = ShingleIndex(self._texts)
            self._texts = []
            self._seen = self._index.frequencies().astype(np.int64)
        return self._index

    @property
    def index(self) -> ShingleIndex:
        """The texts, ready to be asked."""
        return self._index if self._index is not None else self.close()

    @property
    def are_forms(self) -> bool:
        """Whether these rows are compared without the wording that many of them share."""
        return self._as_forms or self.index.is_templated

    def ask(self, place: tuple[str, int], text: str, every: Hashes) -> Found | None:
        """The held-out row that `text` nearly repeats, where that is known at once; `every` are its shingles."""
        if not self.are_forms:
            near = self.index.find(text, every)
            return self._found(place, near) if near else None
        self._asked += 1
        hits = self.index.hits(every) if len(self.index) else np.empty(0, dtype=np.intp)
        self._seen[hits] += 1
        if len(hits):
            near_by = self.index.sharing(every, hits)
            for at in np.argsort(-near_by.shared, kind="stable")[:WAITING].tolist():
                self._wait(int(near_by.rows[at]), _Waiting(int(near_by.shared[at]), -self._asked, place, text))
        return None

    def _wait(self, row: int, pair: _Waiting) -> None:
        waiting = self._waiting.setdefault(row, [])
        if len(waiting) < WAITING:
            heapq.heappush(waiting, pair)
        elif waiting[0] < pair:
            heapq.heapreplace(waiting, pair)

    def finish(self) -> Iterator[Found]:
        """The near-duplicates that show only when every row was asked, in the order of the held-out rows."""
        for row in sorted(self._waiting):
            for pair in sorted(self._waiting[row], reverse=True):
                similarity = self._likeness(self.index.texts[row], pair.text)
                if similarity:
                    yield self._found(pair.place, Near(row, similarity))

    def _found(self, place: tuple[str, int], near: Near) -> Found:
        return Found(place, self._lines[near.position], near.similarity)

    def without_fields(self) -> int:
        """How many held-out rows of a form hold too little besides its wording to tell a copy by."""
        if not self.are_forms:
            return 0
        return sum(
            _letters(self._fields(text, self._of_form(shingles(text)))) < self._least
            and not self._is_telling(text, text)
            for text in self.index.texts
        )

    def _likeness(self, held: str, text: str) -> float | None:
        """How alike the fields of two rows of a form are; None where that shows no copy."""
        edits = Levenshtein.distance(held, text)
        same_numbers = _NO_DIGITS.sub(" ", held) == _NO_DIGITS.sub(" ", text)
        own = min((self._fields(t, self._of_form(shingles(t))) for t in (held, text)), key=len)
        letters = _letters(own)
        # Rows of one form that differ in a number only are what forms are for, unless they hold much else.
        if letters >= (self._least if same_numbers else LONG_LETTERS):
            similarity = 1 - edits / len(own)
            likeness = similarity if similarity >= SIMILAR else self._contained(held, text, letters)
            if likeness:
                return likeness
        own = min((self._fields(t, self.index.common(shingles(t))) for t in (held, text)), key=len)
        similarity = 1 - edits / max(len(own), 1)
        return similarity if similarity >= SIMILAR and same_numbers and self._is_telling(held, text) else None

    def _is_telling(self, held: str, text: str) -> bool:
        """Whether chance would hardly make two rows agree in as many fields, were a form's fields independent.

        A field ends where the form's wording or a number begins or ends. It counts by its rarest piece that both rows
        have: log2(rows / rows with it) bits, as in record linkage (Fellegi & Sunter 1969). Of all pairs that were
        compared, chance would make less than one in 2**MARGIN_BITS agree in so many.
        """
        every = shingles(held)
        rows = self._asked + len(self.index.texts)
        wording = self.index.common(every)
        places = self.index.places(every)
        counted = ~wording & (places >= 0) & np.isin(every, shingles(text))
        bits = np.zeros(len(every))
        bits[counted] = np.log2(rows / np.minimum(self._seen[places[counted]], rows))
        digits = np.array([c.isdigit() for c in held], dtype=np.int64)
        numeric = np.convolve(digits, np.ones(SIZE), mode="valid") > 0 if len(every) else np.zeros(0, dtype=np.bool_)
        fields = np.zeros(len(every) + 1)
        np.maximum.at(fields, np.cumsum(wording | np.diff(numeric, prepend=numeric[:1])), bits)
        return bool(fields.sum() >= np.log2(max(self._asked, 1) * len(self.index.texts)) + MARGIN_BITS)

    def _contained(self, held: str, text: str, letters: int) -> float | None:
        """The share of the held-out row's own shingles that a longer text has, where it is large."""
        own = np.unique(shingles(held))
        own = own[~self._of_form(own)]
        share = float(np.isin(own, shingles(text)).mean()) if letters >= LEAST_CONTAINED else 0.0
        return share if share >= SIMILAR else None

    def _of_form(self, every: Hashes) -> NDArray[np.bool_]:
        """Which shingles are wording that many rows share, of the held-out ones or of all that were read."""
        most = max(FORM_ROWS, FORM_SHARE * (self._asked + len(self.index.texts)))
        places = self.index.places(every)
        frequent = np.zeros(len(every), dtype=np.bool_)
        frequent[places >= 0] = self._seen[places[places >= 0]] > most
        return frequent | self.index.common(every)

    def _fields(self, text: str, wording: NDArray[np.bool_]) -> str:
        """The characters of a text that none of the given of its shingles covers."""
        covered = np.zeros(len(text), dtype=np.bool_)
        for offset in range(SIZE if len(wording) else 0):
            covered[offset : offset + len(wording)] |= wording
        return "".join(c for c, is_covered in zip(text, covered.tolist(), strict=True) if not is_covered)


def _letters(text: str) -> int:
    return len(_DIGITS.sub("", text))
