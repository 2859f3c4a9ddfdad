"""Fact precision: of the facts that an answer states, the share that is right.

What can be stated wrongly is a forbidden form of one of the sample's facts and, with `against: samples`, any fact of
another sample that is neither a fact of this one nor in its reference: an answer that lists every colour states seven
wrong ones. An answer that states nothing scores 0, so that silence never wins.

Source: FActScore (Min et al. 2023), with listed facts found by their words instead of claims judged by a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.metrics.facts import judged
from runner.metrics.pairs import Pair, Rows
from runner.metrics.stated import Vocabulary, is_stated, prepare, states
from runner.metrics.table import Value
from runner.samples.sample import Fact


@dataclass(frozen=True)
class Statements:
    """What an answer states: how many of its sample's facts, and which wrong forms."""

    pair: Pair
    right: int
    wrong: tuple[str, ...]


def statements(pairs: Sequence[Pair], *, facts: str, against: str) -> tuple[Statements, ...]:
    """Right and wrong statements of each pair that has facts."""
    rows = judged(pairs, facts)
    forms = [form for _, own in rows for fact in own for form in (fact.text, *fact.aliases)]
    vocabulary = Vocabulary(forms if against == "samples" else ())
    return tuple(_judge(pair, own, vocabulary) for pair, own in rows)


def _judge(pair: Pair, own: tuple[Fact, ...], vocabulary: Vocabulary) -> Statements:
    answer = prepare(pair.answer)
    reference = prepare(pair.reference)
    forms = {prepare(form) for fact in own for form in (fact.text, *fact.aliases)}
    right = sum(is_stated(answer, fact) for fact in own)
    forbidden = {prepare(form) for fact in own for form in fact.forbid}
    denied = {form for form in forbidden if states(answer, form)}
    foreign = {
        form
        for form in vocabulary.find(answer) - forms - forbidden
        if not states(reference, form) and not any(states(known, form) for known in forms)
    }
    return Statements(pair, right, tuple(sorted(denied | foreign)))


def measure(name: str, pairs: Sequence[Pair], options: dict[str, Value]) -> Rows:
    """A share of one for each pair that has facts; 0 where nothing is stated."""
    rows = statements(pairs, facts=str(options["facts"]), against=str(options["against"]))
    values = tuple(s.right / (s.right + len(s.wrong)) if s.right else 0.0 for s in rows)
    return Rows(tuple(s.pair for s in rows), values)
