"""Whether the evidence is what a record's steps wrote: answers and scores against the digests of their files. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runner.canonical import digest_bytes, json_text, plain
from runner.errors import IntegrityError, some
from runner.metrics.model import Scores
from runner.metrics.table import signature
from runner.plan.arms import Arm, arms_of, stages_of
from runner.plan.keys import IMPLEMENTATION
from runner.plan.names import SCORES, score_id
from runner.record import restore
from runner.record.evidence import Row
from runner.record.model import Record, StepRecord
from runner.samples.io import file_blocks
from runner.samples.sample import Completion
from runner.spec.model import EvaluationSpec, Spec
from runner.verify.again import asked_metrics, components_of
from runner.verify.model import Finding, failed, ok
from runner.verify.recompute import ScoresAgain, values_of

WRITERS = ("generate", "score")
# The input of a score step that holds the answers of each kind.
ROLES = {
    "main": "completions",
    "sampled": "completions.consistency",
    "greedy": "completions.determinism",
    "paraphrased": "completions.prompt_consistency",
}
Order = Mapping[str, int]  # sample → its place in the data set


@dataclass(frozen=True)
class _Arm:
    """One arm of an evaluation, with the step that scored it."""

    record: Record
    spec: Spec
    rows: Sequence[Row]
    evaluation: EvaluationSpec
    arm: Arm
    step: StepRecord
    order: Order | None  # None: the data set is not here as it was recorded
    again: ScoresAgain

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.evaluation.id} ({self.arm.id})"


def compare_outputs(
    record: Record, spec: Spec, rows: Sequence[Row], orders: Mapping[str, Order], again: ScoresAgain
) -> Iterator[Finding]:
    """Findings on answers and scores.

    Args:
        orders: of each evaluation whose data set is here as it was recorded.
        again: the scores as this machine computes them.
    """
    if record.evidence_mode != "full":
        yield Finding("answers", "unchecked", "the evidence holds digests of texts, not what the steps wrote")
        return
    older = sorted({s.kind for s in record.steps if s.kind in WRITERS and _implementation(s) != IMPLEMENTATION[s.kind]})
    if older:
        said = f"steps of another version ({', '.join(older)}) wrote answers otherwise"
        yield Finding("answers", "unchecked", said, by_version=True)
        return
    wrong: list[str] = []
    open_: list[str] = []
    files = 0
    for one in _arms(record, spec, rows, orders, again):
        try:
            components_of(one.step)
        except IntegrityError:
            continue  # said where its key is compared
        answers = dict(_answers(one))
        same = _same_scores(one)
        files += sum(answers.values()) + (same is True)
        (open_ if one.order is None else wrong).extend(f"{k} of {one.name}" for k, v in answers.items() if not v)
        if same is False:
            wrong.append(f"the scores of {one.name}")
    if wrong:
        yield failed("answers", f"the evidence is not what the record's steps wrote: {some(wrong)}")
    elif files:
        yield ok("answers", f"{files} files of answers and scores that steps wrote are those in the evidence")
    if open_:
        said = "the data set is not here as it was recorded, so the order of its samples is not known"
        yield Finding("answers", "unchecked", f"{some(open_)}: {said}")


def _implementation(step: StepRecord) -> Any:
    return step.components.get("implementation") if step.components else IMPLEMENTATION[step.kind]


def _arms(
    record: Record, spec: Spec, rows: Sequence[Row], orders: Mapping[str, Order], again: ScoresAgain
) -> Iterator[_Arm]:
    steps = {s.id: s for s in record.steps if s.kind == "score"}
    for evaluation in spec.evaluations.values():
        own = [r for r in rows if r.get("evaluation") == evaluation.id]
        for arm in arms_of(spec, evaluation):
            step = steps.get(score_id(evaluation.id, arm.id))
            if step is not None:
                yield _Arm(record, spec, own, evaluation, arm, step, orders.get(evaluation.id), again)


def _answers(one: _Arm) -> Iterator[tuple[str, bool]]:
    """(what, whether the file that the step read holds it), for each kind of answers and those of the stage before."""
    inputs = one.step.components.get("inputs", {})
    made = restore.completions(one.rows, one.evaluation.id, one.arm.id)
    for kind, role in ROLES.items():
        found = [c for c in made if c.kind == kind]
        if found or role in inputs:
            yield f"the {kind} answers", _digest(found, one.order) == inputs.get(role)
    stages = [s.id for s in stages_of(one.spec, one.evaluation)]
    fed = restore.upstream(one.rows, one.evaluation.id, one.arm.id, stages)
    if fed is not None or "upstream" in inputs:
        yield "the answers of the stage before", _digest(fed or (), one.order) == inputs.get("upstream")


def _digest(found: Iterable[Completion], order: Order | None) -> str:
    """Of the file that a step wrote of these answers: run by run, in the order of the data set."""
    places = order or {}
    ordered = sorted(found, key=lambda c: (c.run, places.get(c.sample_id, len(places))))
    return digest_bytes(b"".join(file_blocks(ordered)))


def _same_scores(one: _Arm) -> bool | None:
    """Whether `scores.json` holds the scores of the evidence; None where this version measures otherwise.

    The order of a spec's metrics is that of its file, which a record keeps; samples are in the evidence's order.
    """
    names = [m.id for m in asked_metrics(one.step)]
    values = values_of(one.record)
    stored: list[Scores] = []
    for metric in (m for m in one.evaluation.metrics if m.id in names):
        place = (one.evaluation.id, one.arm.id, metric.id)
        scores = restore.scores(one.rows, *place, values[place]) if place in values else None
        if scores is None:
            return False
        if scores.signature != signature(metric.name, metric.options, format=one.evaluation.format):
            return None
        stored.append(_typed(scores, one.again.get(place)))
    recorded = one.step.outputs.get(SCORES)
    return digest_bytes(json_text([plain(s) for s in stored]).encode()) == recorded


def _typed(scores: Scores, again: Scores | None) -> Scores:
    """The scores with whole numbers where the metric gives whole numbers: canonical JSON does not tell 1.0 from 1."""
    if again is None or len(again.statistics) != len(scores.statistics):
        return scores
    statistics = [_like(a, s) for a, s in zip(again.statistics, scores.statistics, strict=True)]
    value = _like([again.value], [scores.value])[0]
    return replace(scores, value=value, values=_like(again.values, scores.values), statistics=tuple(statistics))


def _like(shapes: Sequence[float], values: Sequence[float]) -> tuple[float, ...]:
    if len(shapes) != len(values):
        return tuple(values)
    return tuple(type(shape)(value) for shape, value in zip(shapes, values, strict=True))
