"""Determinism: the share of greedy answers that a second greedy run repeats byte for byte.

Source: our own definition, byte equality; no normal form is applied.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.errors import InvalidError
from runner.metrics.pairs import Pair, Rows
from runner.metrics.table import Value


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """1.0 where every repeat has the main answer's bytes, tokens and end; failed answers can be repeated as well.

    Raises:
        InvalidError: no sample has a second greedy answer.
    """
    repeated = tuple(p for p in pairs if p.greedy)
    if not repeated:
        raise InvalidError("determinism needs a second greedy answer to some prompts, and there is none")
    values = []
    for pair in repeated:
        main = pair.completion
        same = all(
            (c.text, c.tokens, c.finish_reason) == (main.text, main.tokens, main.finish_reason) for c in pair.greedy
        )
        values.append(float(same))
    return Rows(repeated, tuple(values))
