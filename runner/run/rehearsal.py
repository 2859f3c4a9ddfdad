"""The rehearsals of a run: its steps up to them, what they say of fast paths, and the plan made anew where they do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import files
from runner.errors import StepError
from runner.plan.model import Step
from runner.plan.paths import ON, Pins
from runner.plan.rehearsal import KIND


@dataclass(frozen=True)
class Said:
    """What comparisons say of one fast path: the pin it gets, and whether it computes something else here."""

    pin: str  # on | off: and why
    differs: bool = False


@dataclass(frozen=True)
class Seen:
    """What rehearsals say of fast paths, by path."""

    tunes: Mapping[str, Mapping[str, Said]] = field(default_factory=dict)  # by tune
    answers: Mapping[str, Mapping[str, Said]] = field(default_factory=dict)  # by model


Report = Callable[[Step], Path | None]  # a rehearsal's report, None where it did not come to an end


class Course:
    """The steps of a run in their order. After the rehearsals they may be planned anew, once.

    `pin` is given what the rehearsals measured of the fast paths; it says whether one was turned off, and then `replan`
    gives the steps to go on with. `settle` leaves out the rehearsals that nothing to run waits for; it is asked when
    what the rehearsals read is there, since only then it is known what will run.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        report: Report,
        pin: Callable[[Seen], bool],
        replan: Callable[[], Sequence[Step]],
        settle: Callable[[tuple[Step, ...]], tuple[Step, ...]] = lambda steps: steps,
    ) -> None:
        self.steps = tuple(steps)
        self._report, self._pin, self._replan, self._settle = report, pin, replan, settle

    def __iter__(self) -> Iterator[Step]:
        done: list[Step] = []
        yield from self._rehearsed(done)
        if self._pin(self.measured()):
            self.steps = tuple(self._replan())
            yield from self._rehearsed(done)
            self._pin(self.measured())
        over = {s.id for s in done}
        yield from (s for s in self.steps if s.id not in over)

    def _rehearsed(self, done: list[Step]) -> Iterator[Step]:
        """The rehearsals with what they wait for, as far as they are not `done`, which grows."""
        settled = False
        for step in up_to_rehearsals(self.steps):
            if step.kind == KIND and not settled:
                settled, self.steps = True, self._settle(self.steps)
            if step in done or (step.kind == KIND and step not in self.steps):
                continue
            done.append(step)
            yield step

    def measured(self) -> Seen:
        """What the rehearsals say of the fast paths of the tunes and models that stand in their reports."""
        tunes: dict[str, Mapping[str, Said]] = {}
        answers: dict[str, Mapping[str, Said]] = {}
        for step in self.steps:
            path = self._report(step) if step.kind == KIND else None
            if path is not None:
                report = files.read_json(path)
                tunes |= {name: said_of(found) for name, found in report["paths"].items()}
                answers[step.group] = said_of(report["answer_paths"])
        return Seen(tunes, answers)


def up_to_rehearsals(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The rehearsals and all that they wait for, in the given order."""
    by_id = {s.id: s for s in steps}
    wanted: set[str] = set()
    todo = [s.id for s in steps if s.kind == KIND]
    while todo:
        step = by_id[todo.pop()]
        if step.id not in wanted:
            wanted.add(step.id)
            todo += [n.step for n in step.needs] + list(step.after)
    return tuple(s for s in steps if s.id in wanted)


def said_of(compared: Iterable[Mapping[str, Any]]) -> dict[str, Said]:
    """What comparisons say of each path: on, or off where any of them found why; that it differs outweighs its time."""
    found: dict[str, Said] = {}
    for one in compared:
        said = Said(f"off: {one['finding']}" if one["finding"] else ON, differs=_differs(one))
        held = found.get(one["path"])
        if held is None or (said.differs, said.pin != ON) > (held.differs, held.pin != ON):
            found[one["path"]] = said
    return found


def _differs(one: Mapping[str, Any]) -> bool:
    if "different" in one:
        return bool(one["different"])
    return not max(one["loss_difference"], one["gradient_difference"]) <= one["tolerance"]


def news(seen: Seen, locked: Pins) -> Pins:
    """What the lock does not hold yet. What it holds stays, whatever was timed.

    Raises:
        StepError: the lock holds a path on that computes something else here.
    """
    return Pins(_new(seen.tunes, locked.tunes, "tune"), _new(seen.answers, locked.answers, "answers of"))


def _new(
    seen: Mapping[str, Mapping[str, Said]], locked: Mapping[str, Mapping[str, str]], what: str
) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, paths in seen.items():
        for path, said in paths.items():
            held = locked.get(name, {}).get(path)
            if held is None:
                found.setdefault(name, {})[path] = said.pin
            elif held.startswith(ON) and said.differs:
                why = said.pin.removeprefix("off: ")
                raise StepError(
                    f"{what} {name}: the lock holds the fast path `{path}` on, but here {why}",
                    help=f"take `{path}` out of the lock's pins of `{name}`: the next run decides it anew",
                )
    return found
