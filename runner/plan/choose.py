"""Which steps are meant: those that a person names, what they need, and what depends on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from runner.errors import UsageError
from runner.plan.model import Step
from runner.spec.suggest import did_you_mean


def named(steps: Sequence[Step], wanted: Iterable[str]) -> tuple[str, ...]:
    """The ids that `wanted` names, each an id or a pattern such as `tune/*`, in the order of the plan.

    Raises:
        UsageError: a name that no step has.
    """
    ids = [s.id for s in steps]
    found: set[str] = set()
    for name in wanted:
        # A step's id comes first: `score/chain/base,tuned[1]` would be a pattern otherwise.
        matches = [i for i in ids if i == name] or [i for i in ids if fnmatchcase(i, name)]
        if not matches:
            raise UsageError(f"no step is called `{name[:200]}`", help=did_you_mean(name, ids, what="steps"))
        found.update(matches)
    return tuple(i for i in ids if i in found)


def with_needs(steps: Sequence[Step], ids: Iterable[str]) -> tuple[Step, ...]:
    """The steps of `ids` and every step that they need or that looks at their inputs first, in the plan's order."""
    by_id = {s.id: s for s in steps}
    kept: set[str] = set()
    left = list(ids)
    while left:
        step = by_id[left.pop()]
        if step.id not in kept:
            kept.add(step.id)
            left += [n.step for n in step.needs]
            checks = (f"lengths/{step.id.removeprefix('tune/')}", f"rehearse/{step.group}")
            left += [check for check in checks if check in by_id]
            left += [name for name in step.after if name.startswith("forecast/")]  # what a rehearsal waits for
    return tuple(s for s in steps if s.id in kept)


def needed_by(steps: Sequence[Step], step_id: str) -> tuple[str, ...]:
    """The steps that read an output of this one, and those that read theirs, in the order of the plan."""
    found = {step_id}
    for step in steps:  # parents come first
        if any(n.step in found for n in step.needs):
            found.add(step.id)
    return tuple(s.id for s in steps if s.id in found and s.id != step_id)
