"""Which steps are meant: those that a person names, what they need, and what depends on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from runner.errors import UsageError
from runner.plan.model import Step
from runner.plan.names import kind_of, lengths_id, name_of, rehearse_id
from runner.spec.suggest import closest

FEW = 3  # steps that a help line names


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
            raise UsageError(f"no step is called `{name[:200]}`", help=_meant(name, ids))
        found.update(matches)
    return tuple(i for i in ids if i in found)


def _meant(name: str, ids: list[str]) -> str:
    """The few steps that a name that is none was most likely meant for, or how steps are named."""
    near = closest(name, ids, likeness=0.8)
    if near:
        return f"did you mean `{near}`?"
    # A kind (`tune`), a tune's or an evaluation's own id (`qwen-lora`), or either of them misspelt.
    parts = {part: [i for i in ids if part in i.split("/")] for i in ids for part in i.split("/")}
    part = closest(name, parts)
    if part:
        holding = parts[part]
        if len(holding) > FEW:
            return f"did you mean `{part}/*`?" if holding[0].startswith(f"{part}/") else f"did you mean `*/{part}*`?"
        return f"did you mean {' or '.join(f'`{i}`' for i in holding)}?"
    kinds = ", ".join(f"`{kind}/…`" for kind in dict.fromkeys(kind_of(i) for i in ids))
    return f"steps are called {kinds}; `lorarun plan SPEC` lists all {len(ids)}"


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
            checks = [rehearse_id(step.group), *([lengths_id(name_of(step.id))] if step.kind == "tune" else [])]
            left += [check for check in checks if check in by_id]
            left += [name for name in step.after if kind_of(name) == "forecast"]  # what a rehearsal waits for
    return tuple(s for s in steps if s.id in kept)


def needed_by(steps: Sequence[Step], step_id: str) -> tuple[str, ...]:
    """The steps that read an output of this one, and those that read theirs, in the order of the plan."""
    found = {step_id}
    for step in steps:  # parents come first
        if any(n.step in found for n in step.needs):
            found.add(step.id)
    return tuple(s.id for s in steps if s.id in found and s.id != step_id)
