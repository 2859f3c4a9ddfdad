"""ANLS, average normalized Levenshtein similarity (Biten et al. 2019, Scene Text Visual Question Answering).

1 − NL where the normalized distance NL = edits / longer length is *below* the threshold, else 0; the best of the right
answers counts. At exactly the threshold the published formula gives 0, where some implementations give 0.5.

Source: equation 1 of that paper.
"""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.samples.text import collapse


def similarity(answer: str, reference: str, threshold: float) -> float:
    """ANLS of two texts: NFC, white space collapsed, case aside."""
    a, r = collapse(answer).casefold(), collapse(reference).casefold()
    longer = max(len(a), len(r))
    edits = Levenshtein.distance(a, r)
    # Compared as edits < threshold · length: the quotient of a distance of exactly one half may round below it.
    return 1 - edits / longer if longer and edits < threshold * longer else float(not longer)


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one a pair; an answer that failed is 0."""
    threshold = float(options["threshold"])
    values = tuple(
        0.0
        if pair.failure
        else max(similarity(pair.answer, r, threshold) for r in pair.references(str(options["answers"])))
        for pair in pairs
    )
    return Rows(tuple(pairs), values)
