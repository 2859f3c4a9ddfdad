"""Consistency: how alike the answers are that one prompt gets when it is sampled several times.

Mean similarity over all pairs of a sample's sampled runs. A pair with a failed answer in it has similarity 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from rapidfuzz.distance import Levenshtein

from runner.errors import InvalidError
from runner.metrics.failures import failure_of
from runner.metrics.pairs import Pair, Rows
from runner.metrics.rouge import rouge_l
from runner.metrics.table import Value
from runner.metrics.text import tokens
from runner.samples.sample import Completion
from runner.samples.text import collapse


def _answer(completion: Completion, pair: Pair) -> str:
    """The answer as it is compared; "" for a failed one."""
    return "" if failure_of(completion, reference=pair.reference) else collapse(completion.text)


def _similarity(first: str, second: str, how: str) -> float:
    if not first or not second:
        return 0.0
    if how == "exact":
        return float(first == second)
    if how == "rougeL":
        return rouge_l(tokens(first, "syllable"), tokens(second, "syllable"), "f1")
    return 1 - Levenshtein.distance(first, second) / max(len(first), len(second))


def _repeated(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    found = tuple(p for p in pairs if len(p.sampled) > 1)
    if not found:
        raise InvalidError("consistency needs at least two sampled answers to one prompt, and there are none")
    return found


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one for each pair that was sampled at least twice.

    Raises:
        InvalidError: none was.
    """
    how = str(options["similarity"])
    repeated = _repeated(pairs)
    values = []
    for pair in repeated:
        answers = [_answer(completion, pair) for completion in pair.sampled]
        alike = [_similarity(a, b, how) for a, b in combinations(answers, 2)]
        values.append(sum(alike) / len(alike))
    return Rows(repeated, tuple(values))


def details(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> dict[str, float]:
    """Mean share of runs that give a sample's most common answer, and how many runs a sample has at least."""
    repeated = _repeated(pairs)
    shares = []
    for pair in repeated:
        answers = Counter(_answer(completion, pair) for completion in pair.sampled)
        answers.pop("", None)
        shares.append(max(answers.values(), default=0) / len(pair.sampled))
    return {"majority_share": sum(shares) / len(shares), "runs": float(min(len(p.sampled) for p in repeated))}
