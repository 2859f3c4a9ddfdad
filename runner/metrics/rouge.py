"""ROUGE-1, ROUGE-2, ROUGE-L and ROUGE-Lsum (Lin 2004), equal to the package rouge-score on the same tokens.

The unit must be declared for Korean: rouge-score's own tokenizer drops every Hangul character.

Source: that paper, and the package rouge-score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import LCSseq

from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value
from runner.metrics.text import sentences, tokens


def figure(hits: int, answered: int, wanted: int, part: str) -> float:
    """Precision, recall or their harmonic mean, of `hits` among `answered` and `wanted` tokens; 0 for no hit."""
    precision = hits / answered if answered else 0.0
    recall = hits / wanted if wanted else 0.0
    if part == "precision":
        return precision
    if part == "recall":
        return recall
    return 2 * precision * recall / (precision + recall) if hits else 0.0


def _ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def rouge_n(answer: Sequence[str], reference: Sequence[str], n: int, part: str) -> float:
    """Overlap of n-grams, each counted as often as both sides have it."""
    a, r = _ngrams(answer, n), _ngrams(reference, n)
    return figure((a & r).total(), a.total(), r.total(), part)


def rouge_l(answer: Sequence[str], reference: Sequence[str], part: str) -> float:
    """Longest common subsequence of the two token sequences."""
    return figure(LCSseq.similarity(answer, reference), len(answer), len(reference), part)


def rouge_lsum(answer: Sequence[Sequence[str]], reference: Sequence[Sequence[str]], part: str) -> float:
    """Union of the longest common subsequences of each reference sentence with every answer sentence.

    As ROUGE 1.5.5 does, a token counts no more often than each side has it.
    """
    left = Counter(t for s in answer for t in s)
    right = Counter(t for s in reference for t in s)
    answered, wanted = left.total(), right.total()
    hits = 0
    for sentence in reference:
        for position in sorted(set().union(*(_lcs_positions(sentence, other) for other in answer))):
            token = sentence[position]
            if left[token] > 0 and right[token] > 0:
                hits += 1
                left[token] -= 1
                right[token] -= 1
    return figure(hits, answered, wanted, part)


def _lcs_positions(reference: Sequence[str], answer: Sequence[str]) -> set[int]:
    """Positions in `reference` of the one longest common subsequence that rouge-score's backtracking picks.

    The table of lengths is kept as one bit vector a row (Hyyrö 2004): a zero bit is where the length grows.
    """
    where: dict[str, int] = {}
    for column, token in enumerate(answer):
        where[token] = where.get(token, 0) | 1 << column
    full = (1 << len(answer)) - 1
    rows = [full]
    for token in reference:
        grown = rows[-1] & where.get(token, 0)
        rows.append(((rows[-1] + grown) | (rows[-1] - grown)) & full)

    def length(i: int, j: int) -> int:
        return j - (rows[i] & ((1 << j) - 1)).bit_count()

    found = set()
    i, j = len(reference), len(answer)
    while i and j:
        if reference[i - 1] == answer[j - 1]:
            found.add(i - 1)
            i, j = i - 1, j - 1
        elif length(i, j - 1) > length(i - 1, j):
            j -= 1
        else:
            i -= 1
    return found


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one a pair; an answer that failed is 0."""
    unit, part = str(options["unit"]), str(options["part"])
    values = []
    for pair in pairs:
        if name == "rougeLsum":
            ends = str(options["sentences"])
            a = [tokens(s, unit) for s in sentences(pair.answer, ends)]
            r = [tokens(s, unit) for s in sentences(pair.reference, ends)]
            values.append(rouge_lsum(a, r, part))
            continue
        answer, reference = tokens(pair.answer, unit), tokens(pair.reference, unit)
        if name == "rougeL":
            values.append(rouge_l(answer, reference, part))
        else:
            values.append(rouge_n(answer, reference, int(name.removeprefix("rouge")), part))
    return Rows(tuple(pairs), tuple(values))
