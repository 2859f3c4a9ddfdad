"""Whether a record's steps hang together: keys, inputs and parameters against each other and against the spec. Pure.

A key is the digest of its parts, and its parts name the outputs of other steps. So nobody can change one output, one
parameter or one version without every key and input after it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.canonical import digest_value, plain, short
from runner.errors import IntegrityError, some
from runner.plan.arms import arms_of
from runner.plan.build import build_steps
from runner.plan.keys import IMPLEMENTATION, Components
from runner.plan.kinds import KINDS
from runner.plan.model import Step
from runner.plan.names import HISTORY, baselines_id, lengths_id, name_of, prepare_id, score_id
from runner.record.model import Record, StepRecord
from runner.spec.model import Spec
from runner.steps.tune import CURVE_ROWS, untimed
from runner.verify.again import asked_metrics, components_of
from runner.verify.model import Finding, cut, digest_in, failed, mapping, ok
from runner.verify.recompute import values_of

FINISHED = ("run", "cached")
FROM_SPEC = frozenset(name for name, kind in KINDS.items() if kind.is_of_spec)
# Inputs without which a step would be another one, whatever its version.
ESSENTIAL = frozenset({"dataset", "model", "train", "start_adapter", "inputs", "adapter", "samples", "completions"})


@dataclass(frozen=True)
class _Run:
    """The finished steps of a record, and the parts of their keys."""

    record: Record
    steps: dict[str, StepRecord]
    parts: dict[str, Components]

    def made(self, kinds: Container[str] | None = None) -> set[str]:
        """Digests of the models, the data sets and of all that steps (of these kinds) made."""
        steps = [s for s in self.steps.values() if kinds is None or s.kind in kinds]
        return {digest for step in steps for digest in step.outputs.values()} | self.sources

    @property
    def is_whole(self) -> bool:
        """Whether no step failed, so that every step of the spec came to an end."""
        return all(step.action != "failed" for step in self.record.steps)

    @property
    def sources(self) -> set[str]:
        """Digests of the models and data sets."""
        entries = [*self.record.models.values(), *self.record.data.values()]
        return {digest for entry in entries if (digest := digest_in(entry)) is not None}


def compare_steps(record: Record, spec: Spec) -> Iterator[Finding]:
    """One finding if all is well; one for what contradicts itself, and one for what is planned otherwise by now."""
    try:
        steps = {s.id: s for s in record.steps if s.action in FINISHED}
        run = _Run(record, steps, {name: components_of(step) for name, step in steps.items()})
    except IntegrityError as error:
        yield failed("steps", error.message)
        return
    wrong = [*_inputs(run), *_environments(run), *_unscored(run, spec), *_measured(run), *_told(run), *_histories(run)]
    planned = build_steps(spec)
    pairs = _pairs(run, planned, spec)
    other = sorted(run.steps.keys() - pairs.keys()) + (_missing(run, planned) if run.is_whole else [])
    for name, against in pairs.items():
        wrong += against
        if run.parts[name].implementation != IMPLEMENTATION.get(run.steps[name].kind):
            other.append(name)
    if wrong:
        yield failed("steps", some(wrong))
    else:
        yield ok("steps", f"{len(steps)} steps have the keys of their parts, the inputs that other steps made")
    if other:
        said = f"this version of lorarun plans otherwise: {some(other)}"
        yield Finding("steps", "unchecked", said, by_version=True)


def _inputs(run: _Run) -> Iterator[str]:
    """Inputs that nothing in the record made. What is no more than tried is read by what tries alone."""
    made, tried = run.made(FROM_SPEC), run.made()
    for name, parts in run.parts.items():
        for role, digest in parts.inputs.items():
            if digest not in (made if parts.kind in FROM_SPEC else tried):
                yield f"`{cut(name)}` read `{cut(role)}` ({short(digest)}), which no step or source of the record is"


def _environments(run: _Run) -> Iterator[str]:
    """Steps of this run that were made in another environment than the record names."""
    for name, parts in run.parts.items():
        if run.steps[name].action != "run":
            continue  # an earlier run's output may be kept over a change of the environment
        for part, value in parts.environment.items():
            stated = run.record.environment.get(part)
            if stated != value:
                yield f"`{cut(name)}` ran with {cut(part)} {cut(value)}, the record says {cut(stated)}"


def _missing(run: _Run, planned: Sequence[Step]) -> list[str]:
    """Steps of the spec that a whole run has and the record lacks, but for arms that only explain."""
    stems, kinds = {_stem(name) for name in run.steps}, FROM_SPEC - {"generate", "score"}
    return [step.id for step in planned if step.kind in kinds and _stem(step.id) not in stems]


def _unscored(run: _Run, spec: Spec) -> Iterator[str]:
    """Judged arms that no step scored, and metrics that a step was asked for and the record has no value of.

    What is not measured is not guarded, so leaving a metric out would be a way around its guard.
    """
    values = values_of(run.record)
    for evaluation in spec.evaluations.values():
        for arm in arms_of(spec, evaluation):
            step = run.steps.get(score_id(evaluation.id, arm.id))
            if step is None and arm.is_main and run.is_whole:
                yield f"`{evaluation.id}` ({arm.id}) was scored by no step"
            for metric in asked_metrics(step) if step else ():
                if (evaluation.id, arm.id, metric.id) not in values:
                    yield f"`{cut(evaluation.id)}.{cut(metric.id)}` ({arm.id}) was measured, and the record lacks it"


def _measured(run: _Run) -> Iterator[str]:
    """Every measured arm has its finished score step, with the values that the record holds."""
    for measure, arms in run.record.measures.items():
        evaluation, _, metric = measure.partition(".")
        for arm, entry in arms.items() if isinstance(arms, dict) else ():
            if arm == "baselines":
                yield from _baselines(run, evaluation, metric, entry)
                continue
            step = run.steps.get(score_id(evaluation, arm))
            value = entry.get("value") if isinstance(entry, dict) else None
            if step is None:
                yield f"`{cut(measure)}` ({cut(arm)}) was scored by no step"
            elif mapping(step.measures.get("values")).get(metric) != value:
                yield f"`{cut(step.id)}` scored another {cut(metric)} than {cut(value)}"


def _baselines(run: _Run, evaluation: str, metric: str, entry: Any) -> Iterator[str]:
    step = run.steps.get(baselines_id(evaluation))
    values = mapping(step.measures.get("baselines")) if step else {}
    if values.get(metric) != entry:
        yield f"the baselines of `{cut(evaluation)}.{cut(metric)}` are not those of their step"


def _told(run: _Run) -> Iterator[str]:
    """What the record says of its data against the steps that read it."""
    for name, entry in run.record.data.items():
        step = run.steps.get(prepare_id(name))
        for split, about in mapping(mapping(entry).get("splits")).items():
            rows = mapping(step.measures.get("rows")).get(split) if step else None
            made = step.outputs.get(f"{split}.jsonl") if step else None
            if (mapping(about).get("digest"), mapping(about).get("rows")) != (made, rows):
                yield f"split `{cut(split)}` of data set `{cut(name)}` is not what `prepare/{cut(name)}` made"
        report = mapping(mapping(mapping(entry).get("checks")).get("report"))
        for tune, counted in mapping(report.get("lengths")).items():
            step = run.steps.get(lengths_id(tune))
            if step is None or step.measures != counted:
                yield f"the lengths of `{cut(tune)}`'s rows are not those of their step"


def _histories(run: _Run) -> Iterator[str]:
    """Losses against the digest of the whole history, where the record keeps the whole of it."""
    for name, step in run.steps.items():
        history = step.measures.get("history")
        if step.kind != "tune" or HISTORY not in step.outputs or not isinstance(history, list):
            continue
        rows = [row for row in history if isinstance(row, dict)]
        if len(rows) != len(history) or not rows:
            yield f"the history of `{cut(name)}` has another shape"
            continue
        if len(rows) < CURVE_ROWS and digest_value([untimed(row) for row in rows]) != step.outputs[HISTORY]:
            yield f"the history of `{cut(name)}` is not the one that it wrote"
        if step.measures.get("final_train_loss") != rows[-1].get("loss"):
            yield f"the last loss of `{cut(name)}` is not that of its history"


def _pairs(run: _Run, planned: Sequence[Step], spec: Spec) -> dict[str, list[str]]:
    """recorded step → where it differs from the planned step that it is.

    Steps that would have one name are numbered in the order of the spec's file, and a record keeps no such order: among
    those, each planned step is the recorded one that it agrees with.
    """
    found: dict[str, list[str]] = {}
    twins: dict[str, str] = {}  # planned → recorded
    by_stem: dict[str, list[str]] = {}
    for name in run.steps:
        by_stem.setdefault(_stem(name), []).append(name)
    for step in planned:
        alike = [name for name in by_stem.get(_stem(step.id), ()) if name not in found]
        if step.kind not in FROM_SPEC:  # what it tries follows from what the machine settled, and nothing reads it
            found |= {name: [] for name in alike}
            continue
        wired = {name: list(_wiring(run, step, name, twins)) for name in alike}
        apart = {name: list(_params(run, step, name, spec)) for name in alike}
        if alike:
            best = min(alike, key=lambda name: (len(wired[name]) + len(apart[name]), name != step.id))
            # What another version of the step's code was given says nothing, but tells it from its like.
            same = run.parts[best].implementation == IMPLEMENTATION.get(step.kind)
            found[best], twins[step.id] = wired[best] + (apart[best] if same else []), best
    return found


def _stem(name: str) -> str:
    return re.sub(r"~[0-9]+$", "", name)


def _wiring(run: _Run, step: Step, name: str, twins: Mapping[str, str]) -> Iterator[str]:
    """The inputs of one step against the outputs of the very steps and sources that the spec gives it."""
    inputs = run.parts[name].inputs
    entries = {"checkpoint": run.record.models, "dataset": run.record.data}
    needs = [(n.role, twins.get(n.step, n.step), n.file) for n in step.needs]
    made = {name: recorded.outputs for name, recorded in run.steps.items()}
    wanted = {role: (source, made.get(source, {}).get(file)) for role, source, file in needs}
    wanted |= {s.role: (s.id, digest_in(entries[s.kind].get(s.id))) for s in step.sources}
    for role, (source, digest) in wanted.items():
        if role not in inputs and role in ESSENTIAL:
            yield f"`{cut(name)}` has no `{role}`, its spec gives it one"
        elif role in inputs and inputs[role] != digest:
            yield f"`{cut(name)}` did not read its `{cut(role)}` from `{cut(source)}`"


def _params(run: _Run, step: Step, name: str, spec: Spec) -> Iterator[str]:
    """The parameters of one step against those that the spec gives it, by the names that both have."""
    settled = KINDS[step.kind].settled - _said(step, spec)
    for place, planned, recorded in _apart(plain(step.params), run.parts[name].params):
        if place not in settled:
            yield f"`{cut(name)}` ran with `{place}` {cut(recorded)}, its spec says {cut(planned)}"


def _said(step: Step, spec: Spec) -> set[str]:
    """What could have been settled otherwise, and is written in the spec."""
    tune = spec.all_tunes.get(name_of(step.id)) if step.kind == "tune" else None
    names = ("micro_batch", "grad_checkpoint")
    return {f"train.{name}" for name in names if tune and getattr(tune.train, name) is not None}


def _apart(planned: Mapping[str, Any], recorded: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any, Any]]:
    for name in planned.keys() & recorded.keys():
        one, two, where = planned[name], recorded[name], f"{place}{name}"
        if isinstance(one, dict) and isinstance(two, dict):
            yield from _apart(one, two, f"{where}.")
        elif one != two:
            yield where, one, two
