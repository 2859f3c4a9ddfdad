"""`replay`: the steps of a record, run again beside the project's artifacts, and how alike their outputs are."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner import files
from runner.canonical import short
from runner.errors import ChangedError, ExitCode, IntegrityError, InvalidError, some
from runner.plan.digests import policy_digest, recipe_digest
from runner.plan.keys import IMPLEMENTATION, environment_of, say
from runner.plan.model import PlannedStep, Step
from runner.plan.names import COMPLETIONS
from runner.plan.resolve import Known
from runner.record.model import Record, StepRecord
from runner.run.journal import FILE, Journal, Listener
from runner.run.loop import Loop, StepOutcome
from runner.run.project_lock import project_lock
from runner.run.survey import Survey, need_models, survey
from runner.run.unchanged import check_unchanged
from runner.spec.load import load_recorded
from runner.spec.model import Spec
from runner.spec.rebuild import spec_of
from runner.store import ssot
from runner.store.artifacts import REPLAY, Artifacts
from runner.store.find import find_run
from runner.verify.again import chosen, components_of, steps_of, with_missing_parents
from runner.verify.diff import changes
from runner.verify.likeness import DIFFERENT, Answers, Likeness, compare_step, recorded_answers, worst_of

DONE = "done"  # a file in the scratch folder of a replay that came to its end


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """What is run again, and what may differ."""

    steps: tuple[str, ...] = ()  # patterns of step ids; none stands for all
    other_environment: bool = False  # go on where the environment class is another one
    as_recorded: bool = False  # go on where the checkout's spec has another recipe than the record
    lock_timeout_seconds: float = 0.0


@dataclass(frozen=True)
class StepReplay:
    """One step that was run again."""

    id: str
    outputs: tuple[Likeness, ...]

    @property
    def status(self) -> str:
        """identical | close | different."""
        return worst_of(self.outputs)


@dataclass(frozen=True)
class Replay:
    """What a replay came to."""

    record_id: str
    campaign: str
    steps: tuple[StepReplay, ...]
    helpers: tuple[str, ...]  # steps that ran only to make inputs that were not on this machine
    environment: tuple[str, ...]  # where the environment class differs from the recorded one
    kept: str = ""  # where the outputs are, if they differ
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """identical | close | different."""
        return worst_of(output for step in self.steps for output in step.outputs)

    @property
    def exit_code(self) -> ExitCode:
        """0 where all is identical or within the tolerances, 4 where something differs."""
        return ExitCode.CHANGED if self.status == DIFFERENT else ExitCode.SUCCESS


@dataclass(frozen=True)
class _Bench:
    """What one replay works on."""

    root: Path
    record_id: str
    record: Record
    spec: Spec
    steps: tuple[Step, ...]  # all of the record
    again: tuple[Step, ...]  # those that run
    surveyed: Survey
    there: frozenset[str]  # ids of steps whose recorded outputs are on this machine, bit for bit
    scratch: Path


def replay(root: Path, name: str, options: ReplayOptions, listener: Listener) -> Replay:
    """Run the steps of a record again, in a folder of their own, and compare what they make.

    Raises:
        UsageError, NothingToCheckError: no such run or step.
        ChangedError: spec, data, models, code or environment are not those of the record; each is named.
        InvalidError: a model or data set is not on this machine.
        IntegrityError: the record, its evidence or an input is damaged.
        LockedError, StepError, ResourceError, InterruptedRunError: as `apply`; an interrupted replay goes on.
    """
    started = time.monotonic()
    one = find_run(root, name, ssot.records(root))
    record = one.record
    spec = _spec(root, record, as_recorded=options.as_recorded)
    steps = steps_of(record)
    picked = chosen(steps, options.steps)
    with project_lock(root, timeout_seconds=options.lock_timeout_seconds):
        surveyed = survey(spec, root)
        need_models(surveyed, root)
        there = _there(record, surveyed)
        again = with_missing_parents(steps, picked, there)
        apart = _hold(record, again, surveyed, options)
        bench = _Bench(root, one.id, record, spec, steps, again, surveyed, there, _scratch(root, one.id))
        loop = _run(bench, listener)
        compared = tuple(_compared(bench, loop, step) for step in picked)
        kept = _put_away(bench.scratch, compared)
        helpers = tuple(s.id for s in again if s not in picked)
        seconds = round(time.monotonic() - started, 3)
        return Replay(one.id, record.campaign, compared, helpers, apart, kept, seconds)


def _spec(root: Path, record: Record, *, as_recorded: bool) -> Spec:
    """The record's own spec, which has to be that of the checkout too."""
    spec = spec_of(record.spec, record.spec_path)
    if (recipe_digest(spec), policy_digest(spec)) != (record.recipe_digest, record.policy_digest):
        raise IntegrityError("the spec inside the record does not have the digests that the record names")
    if as_recorded:
        return spec
    try:
        here = load_recorded(record.spec_path, root)
    except InvalidError as error:
        raise _other_spec(f"`{record.spec_path}` cannot be read: {error.message}") from error
    if recipe_digest(here) != record.recipe_digest:
        places = changes(record.spec, here.document)
        listed = some([f"{c.place} {say(c.old)} → {say(c.new)}" for c in places], shown=5)
        raise _other_spec(f"`{record.spec_path}` is not the spec of the record: {listed}")
    return spec


def _other_spec(message: str) -> ChangedError:
    return ChangedError(message, help="check out the commit of the record, or replay its own spec with `--as-recorded`")


def _hold(record: Record, steps: tuple[Step, ...], surveyed: Survey, options: ReplayOptions) -> tuple[str, ...]:
    """Refuse what cannot give the recorded outputs; where the environment differs, if that was allowed."""
    wrong = [*_inputs(record, steps, surveyed), *_code(record, steps)]
    if wrong:
        raise ChangedError(
            f"this is not what the record was made from: {'; '.join(wrong)}",
            help="check out the commit of the record, and bring its models and data",
        )
    apart = _environment(record, steps, surveyed)
    if apart and not options.other_environment:
        raise ChangedError(
            f"the environment is not that of the record: {'; '.join(apart)}",
            help="equal bits are promised within one environment class; `--other-environment` compares all the same",
        )
    return apart


def _inputs(record: Record, steps: tuple[Step, ...], surveyed: Survey) -> Iterator[str]:
    recorded = {"checkpoint": record.models, "dataset": record.data}
    for kind, name in sorted({(source.kind, source.id) for step in steps for source in step.sources}):
        before, now = recorded[kind][name]["digest"], surveyed.known.sources.get(f"{kind}/{name}", "")
        if before != now:
            what = "model" if kind == "checkpoint" else "data set"
            yield f"{what} `{name}` is {short(now)}, recorded {short(before)}"


def _code(record: Record, steps: tuple[Step, ...]) -> Iterator[str]:
    ids = {step.id for step in steps}
    versions = {
        (r.kind, parts.implementation)
        for r in record.steps
        if r.id in ids and (parts := components_of(r)).implementation != IMPLEMENTATION.get(r.kind)
    }
    for kind, version in sorted(versions):
        yield f"`{kind}` is version {IMPLEMENTATION.get(kind)} of its code, recorded {version}"


def _environment(record: Record, steps: tuple[Step, ...], surveyed: Survey) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for recorded in _recorded(record, steps):
        then, now = components_of(recorded).environment, environment_of(recorded.kind, surveyed.known.environment)
        for name in sorted(then.keys() | now.keys()):
            if then.get(name) != now.get(name):
                found[f"{name} {say(then.get(name))} → {say(now.get(name))}"] = None
    return tuple(found)


def _recorded(record: Record, steps: tuple[Step, ...]) -> tuple[StepRecord, ...]:
    ids = {step.id for step in steps}
    return tuple(r for r in record.steps if r.id in ids)


def _there(record: Record, surveyed: Survey) -> frozenset[str]:
    """Ids of the steps whose recorded outputs are on this machine, bit for bit."""
    found = set()
    for recorded in record.steps:
        if recorded.key in surveyed.artifacts.manifests() and recorded.key not in surveyed.artifacts.broken:
            try:
                manifest = surveyed.artifacts.verify(recorded.key)
            except IntegrityError:
                continue
            if {name: output.content for name, output in manifest.outputs.items()} == recorded.outputs:
                found.add(recorded.id)
    return frozenset(found)


def _scratch(root: Path, record_id: str) -> Path:
    """The folder of a replay; what an interrupted one left there is gone on with."""
    scratch = root / "artifacts" / REPLAY / record_id
    if (scratch / DONE).exists():
        shutil.rmtree(scratch)
    files.make_folder(scratch)
    return scratch


def _put_away(scratch: Path, compared: tuple[StepReplay, ...]) -> str:
    """Remove what a replay made, unless somebody will want to see where it differs; its place then."""
    if worst_of(output for step in compared for output in step.outputs) != DIFFERENT:
        shutil.rmtree(scratch)
        return ""
    files.write_text(scratch / DONE, "")
    return scratch.relative_to(scratch.parents[2]).as_posix()


def _run(bench: _Bench, listener: Listener) -> Loop:
    """Run the steps `again`, on recorded outputs of the others."""
    store = Artifacts(bench.scratch)
    keys = {r.id: r.key for r in bench.record.steps}
    wanted = {need.step for step in bench.again for need in step.needs} - {step.id for step in bench.again}
    borrowed = [step for step in bench.steps if step.id in wanted]
    for step in borrowed:
        _borrow(bench.surveyed.artifacts, store, step.id, keys[step.id])
    store.rescan()
    finished = {key: manifest.finished() for key, manifest in store.manifests().items()}
    sources = bench.surveyed.known
    known = Known(sources.sources, sources.environment, finished, {}, broken=store.broken)
    journal = Journal(bench.scratch / FILE, listener)
    journal({"event": "plan", "campaign": bench.record.campaign, "steps": [s.id for s in bench.again], "cached": []})
    loop = Loop(
        spec=bench.spec,
        root=bench.root,
        artifacts=store,
        known=known,
        sources=bench.surveyed.places,
        emit=journal,
        log=bench.scratch / "worker.log",
        check_sources=lambda names: check_unchanged(bench.spec, bench.root, bench.surveyed, names),
        command=f"lorarun replay {bench.record_id[:12]}",
    )
    for step in borrowed:
        key = keys[step.id]
        known.remember(step.id, finished[key])
        loop.outcomes[step.id] = StepOutcome(PlannedStep(step, "cached", key), key, "cached")
    try:
        loop.run(bench.again)
    finally:
        journal.close()
    if loop.failure:
        raise loop.failure
    return loop


def _borrow(source: Artifacts, store: Artifacts, step: str, key: str) -> None:
    """Let a replay read recorded outputs from its own folder."""
    target = store.folder / step / key
    if not target.exists():
        files.make_folder(target.parent)
        shutil.copytree(source.place(key), target, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target, follow_symlinks=False)


def _compared(bench: _Bench, loop: Loop, step: Step) -> StepReplay:
    recorded = next(r for r in bench.record.steps if r.id == step.id)
    key = loop.outcomes[step.id].key
    made = loop.artifacts.verify(key)
    old = bench.surveyed.artifacts.place(recorded.key) if step.id in bench.there else None
    answers = None
    if old is None and COMPLETIONS in recorded.outputs:
        answers = _answers(bench, recorded.outputs[COMPLETIONS])
    likenesses = compare_step(recorded, made, new=loop.artifacts.place(key), old=old, answers=answers)
    return StepReplay(step.id, likenesses)


def _answers(bench: _Bench, digest: str) -> Answers | None:
    return recorded_answers(bench.record, ssot.read_evidence(bench.root, bench.record), digest)
