"""Consistency: how alike the answers are that one sample gets when it is asked several times.

Mean similarity over all pairs of a sample's answers. `consistency` compares sampled answers to one prompt,
`prompt_consistency` greedy answers to the prompt and its paraphrases. A pair with a failed answer has similarity 0.

Source: the share of agreeing pairs of Elazar et al. 2021, graded by a similarity; the majority share beside it is that
of self-consistency (Wang et al. 2023).
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
    failure = failure_of(completion, format=pair.format, reference=pair.reference)
    return "" if failure else collapse(completion.text)


def _similarity(first: str, second: str, how: str) -> float:
    if not first or not second:
        return 0.0
    if how == "exact":
        return float(first == second)
    if how == "rougeL":
        return rouge_l(tokens(first, "syllable"), tokens(second, "syllable"), "f1")
    return 1 - Levenshtein.distance(first, second) / max(len(first), len(second))


def _compared(name: str, pair: Pair) -> tuple[Completion, ...]:
    """The answers of one sample that are compared; fewer than two where it was not asked again."""
    if name == "consistency":
        return pair.sampled
    return (pair.completion, *pair.paraphrased) if pair.paraphrased else ()


def _repeated(name: str, pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    found = tuple(p for p in pairs if len(_compared(name, p)) > 1)
    if not found and name == "consistency":
        raise InvalidError("consistency needs at least two sampled answers to one prompt, and there are none")
    if not found:
        raise InvalidError("prompt_consistency needs answers to paraphrased prompts, and there are none")
    return found


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one for each sample that was asked again.

    Raises:
        InvalidError: none was.
    """
    how = str(options["similarity"])
    repeated = _repeated(name, pairs)
    values = []
    for pair in repeated:
        answers = [_answer(completion, pair) for completion in _compared(name, pair)]
        alike = [_similarity(a, b, how) for a, b in combinations(answers, 2)]
        values.append(sum(alike) / len(alike))
    return Rows(repeated, tuple(values))


def details(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> dict[str, float]:
    """Mean share of answers that are a sample's most common one, and how many answers a sample has at least."""
    repeated = _repeated(name, pairs)
    shares = []
    for pair in repeated:
        compared = _compared(name, pair)
        answers = Counter(_answer(completion, pair) for completion in compared)
        answers.pop("", None)
        shares.append(max(answers.values(), default=0) / len(compared))
    runs = float(min(len(_compared(name, p)) for p in repeated))
    return {"majority_share": sum(shares) / len(shares), "runs": runs}
