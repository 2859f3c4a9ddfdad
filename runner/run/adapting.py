"""The edit that a step needs which was ended for its memory, and the spec, lock and plan after it.

A different micro-batch is a different result, so nothing here is done unless `--adapt` asks for it, and the record says
what was done; checkpointing alone changes no result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from runner.errors import LorarunError, MemoryLineError
from runner.memory.adapt import Edit, applied, next_smaller
from runner.memory.choose import gigabytes
from runner.memory.model import MemoryUse
from runner.models.lock import Lock, LockedTune, lock_path, read_lock, write_lock
from runner.plan.model import Step
from runner.plan.names import name_of, tune_id
from runner.spec.model import Spec, TrainSpec, TuneSpec

TUNE, GENERATE = "tune", "generate"
FIRST_BATCH = 32  # answers at one time where the spec leaves it open and 64 were too many


class StoppedForMemory(MemoryLineError):
    """A step that was ended for its memory, what was seen of it, and the mildest edit that needs less."""

    def __init__(self, message: str, *, help: str, step: Step, edit: Edit | None, use: MemoryUse) -> None:
        super().__init__(message, help=help)
        self.step, self.edit, self.use = step, edit, use


def edit_for(step: Step) -> Edit | None:
    """The mildest edit by which the step needs less memory, its key from the spec's root; None where there is none."""
    if step.kind == TUNE:
        train = step.params["train"]
        found = next_smaller(micro_batch=train["micro_batch"], grad_checkpoint=train["grad_checkpoint"])
        return replace(found, key=f"tunes.{name_of(step.id).partition('@')[0]}.{found.key}") if found else None
    if step.kind == GENERATE:
        return _fewer_answers(step)
    return None


def ran_with(step: Step) -> str:
    """What of its settings decides a tuning's memory, to be said after a number of bytes."""
    if step.kind != TUNE:
        return ""
    train = step.params["train"]
    way = "with" if train["grad_checkpoint"] else "without"
    return f" at micro-batch {train['micro_batch']} {way} checkpointing"


def _fewer_answers(step: Step) -> Edit | None:
    before = step.params["settings"]["batch_size"]
    if before == 1:
        return None
    after = FIRST_BATCH if before is None else -(-before // 2)
    place = [str(part) for part in step.origins[0]] if step.origins else []
    where = ".".join(place) if place and all(place) else "generate"
    return Edit(f"{where}.batch_size", "auto" if before is None else str(before), str(after))


@dataclass(frozen=True)
class Adapted:
    """One edit that `--adapt` made: the tuning, as it will run, and what the record says of it."""

    tune: str
    micro_batch: int
    grad_checkpoint: bool
    note: str


def adaptation(failure: LorarunError | None) -> Adapted | None:
    """What `--adapt` does about a failure; None where it can't: no tuning, nothing left to give, or the limit itself
    was crossed, which no later attempt makes good."""
    if not isinstance(failure, StoppedForMemory) or failure.edit is None or failure.step.kind != TUNE:
        return None
    use, edit, train = failure.use, failure.edit, failure.step.params["train"]
    if use.limit_bytes is None or use.peak_bytes > use.limit_bytes:
        return None
    local = replace(edit, key="train." + edit.key.rpartition(".")[2])
    ran = TrainSpec(micro_batch=train["micro_batch"], grad_checkpoint=train["grad_checkpoint"])
    after = applied(ran, local)
    assert after.micro_batch is not None
    note = f"`--adapt` wrote `{local.text}`: with {edit.before} it was ended at {gigabytes(use.peak_bytes)}"
    return Adapted(name_of(failure.step.id), after.micro_batch, bool(after.grad_checkpoint), note)


def spec_after(spec: Spec, done: Adapted) -> Spec:
    """The spec with the edit in the place of what it fixes; what it leaves open is the lock's."""

    def after(tune: TuneSpec) -> TuneSpec:
        if tune.id != done.tune:
            return tune
        train = tune.train
        if train.micro_batch is not None:
            train = replace(train, micro_batch=done.micro_batch)
        if train.grad_checkpoint is not None:
            train = replace(train, grad_checkpoint=done.grad_checkpoint)
        return replace(tune, train=train)

    sweeps = {n: replace(s, variants=tuple(after(v) for v in s.variants)) for n, s in spec.sweeps.items()}
    return replace(spec, tunes={n: after(t) for n, t in spec.tunes.items()}, sweeps=sweeps)


def settle(spec: Spec, root: Path, done: Adapted) -> None:
    """Write the edit into the lock, which holds what the spec leaves open.

    Raises:
        InvalidError, IntegrityError: as `read_lock`.
    """
    path = root / lock_path(spec.path)
    locked = read_lock(path) or Lock()
    row = locked.tunes.get(done.tune) or LockedTune(done.micro_batch, done.grad_checkpoint)
    row = replace(row, micro_batch=done.micro_batch, grad_checkpoint=done.grad_checkpoint, reason=done.note)
    write_lock(path, replace(locked, tunes={**locked.tunes, done.tune: row}))


def noted(steps: Iterable[Step], edits: Iterable[Adapted]) -> tuple[Step, ...]:
    """The steps with what `--adapt` did to them among their notes."""
    notes: dict[str, tuple[str, ...]] = {}
    for done in edits:
        step = tune_id(done.tune)
        notes[step] = (*notes.get(step, ()), done.note)
    return tuple(replace(s, notes=(*s.notes, *notes[s.id])) if s.id in notes else s for s in steps)
