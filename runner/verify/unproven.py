"""What of a record nobody can prove without the machine that made it: `check` says it, reports mark it.

Everything else in a record follows from its evidence, its spec and the checkout, and `check` computes it again. What is
listed here is what that machine wrote down. Whoever types all of it, consistently, makes a record that looks like any
other; running the steps again (`lorarun replay`) proves some of it, and the rest rests on trust in the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.record.model import Record, StepRecord

REPLAY = "replay"  # `lorarun replay` makes it again and compares it
TRUST = "trust"  # no run can show it again: it was measured or said once


@dataclass(frozen=True)
class Unproven:
    """One kind of figure. `places` are fields of the record, dotted; `*` stands for any name or position."""

    id: str  # answers | training | beside | lengths | rehearsal | memory | times | environment | words
    places: tuple[str, ...]
    what: str
    by: str  # replay | trust


def unproven(record: Record) -> tuple[Unproven, ...]:
    """The kinds of figures in `record` that its evidence does not prove, gravest first; none where nothing was run."""
    if record.kind != "campaign":
        return ()
    kinds = {step.kind for step in record.steps}
    found = [one for one in _BY_RUNNING if one.id not in _NEEDS or _NEEDS[one.id] in kinds]
    return (*found, *(one for one in _MEASURED if one.id != "memory" or _is_watched(record.steps)))


def _is_watched(steps: tuple[StepRecord, ...]) -> bool:
    return any(step.memory for step in steps)


_NEEDS = {"training": "tune", "lengths": "lengths", "rehearsal": "rehearse"}  # kind of figure → the step that makes it
_BY_RUNNING = (
    Unproven(
        "answers",
        ("evidence.completion", "steps.*.outputs"),
        "that the models gave these answers, and that the tuning made these adapters",
        REPLAY,
    ),
    Unproven(
        "training",
        ("steps.*.measures.history", "steps.*.measures.valid_losses", "steps.*.measures.final_train_loss"),
        "losses and tokens of the tunings",
        REPLAY,
    ),
    Unproven(
        "beside",
        ("measures.*.baselines", "data.*.checks.report.overlap_elsewhere", "steps.score/*.measures.details"),
        "answers without a model, rows shared between data sets, and tallies beside the scores",
        REPLAY,
    ),
    Unproven("lengths", ("data.*.checks.report.lengths",), "the rows' lengths in tokens", REPLAY),
    Unproven("rehearsal", ("steps.rehearse/*.measures",), "what the rehearsal measured", TRUST),
)
_MEASURED = (
    Unproven(
        "memory",
        ("quantities.memory.*", "steps.*.memory", "evidence.memory"),
        "peaks, gaps and forecasts of memory, as far as they agree with one another",
        TRUST,
    ),
    Unproven("times", ("created", "steps.*.seconds", "steps.*.measures.*.seconds"), "dates, times and speeds", TRUST),
    Unproven("environment", ("environment", "lorarun"), "the machine and the versions that it ran", TRUST),
    Unproven("words", ("notes", "steps.*.reasons", "steps.*.action"), "notes, and why each step ran", TRUST),
)
