"""What became of every sample of a chain, stage by stage, and at which stage the tuned chain lost it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.acceptance.chain import REFERENCE, Ledger, arm, ledger
from runner.errors import IntegrityError
from runner.metrics.model import Scores
from runner.metrics.table import info_of
from runner.report.chain import Attribution
from runner.report.reading import Evidence, text
from runner.samples.text import collapse

_ROUNDING = 1e-9  # that a best value may be short of


def fates(made: Attribution, evidence: Evidence) -> Ledger | None:
    """The ledger of a chain of two stages; None where the evidence has no arm with the right analysis, or no texts.

    The last stage is right where its score is the metric's best. The first is right where the last one was asked just
    what it is asked with the right analysis, white space aside. A sample that the tuned chain gets wrong was lost in
    the first stage where the last gets it right with the right analysis, else in the last.
    """
    info = info_of(made.metric)
    if info is None or made.best is None or len(made.stages) != 2 or not info.directed:
        return None
    oracle = arm(REFERENCE, made.tuned[1])
    names = ("before", "after", oracle)
    scores = [evidence.scores.get((made.evaluation, name, made.metric), {}) for name in names]
    ids = tuple(scores[1])
    asked = [_prompts(made.evaluation, name, ids, evidence) for name in names]
    if not ids or any(one.keys() != scores[1].keys() for one in scores) or not all(all(one) for one in asked):
        return None
    before, after, right = (_scores(ids, [one[i] for i in ids]) for one in scores)
    told = [
        _scores(ids, [made.best - info.sign * (a != b) for a, b in zip(one, asked[2], strict=True)]) for one in asked
    ]
    stages = {made.stages[0]: (told[0], told[1]), made.stages[1]: (before, after)}
    try:
        return ledger(stages, info, right_at=made.best - info.sign * _ROUNDING, oracle=right)
    except IntegrityError:
        return None


def _prompts(evaluation: str, arm: str, ids: Sequence[str], evidence: Evidence) -> list[str]:
    """What the last stage was asked in an arm; "" where that is not known."""
    rows: Mapping[tuple[str, str, str], Mapping[str, object]] = evidence.completions
    return [collapse(text(rows.get((evaluation, arm, sample), {}).get("prompt"))) for sample in ids]


def _scores(ids: tuple[str, ...], values: Sequence[float]) -> Scores:
    return Scores("", "", 0.0, ids, tuple(values))
