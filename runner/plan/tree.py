"""A plan's steps as a tree: every step once, under the one of its inputs that is made last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.plan.model import PlannedStep


@dataclass(frozen=True)
class Branch:
    """One step of the tree. `lead` is drawn before it, `below` before the lines that belong to it."""

    planned: PlannedStep
    position: int  # in the order in which the steps run, from 1
    lead: str
    below: str


def branches(steps: Sequence[PlannedStep]) -> tuple[Branch, ...]:
    """The steps, parents before children, each with the lines that lead to it."""
    position = {s.step.id: i for i, s in enumerate(steps, 1)}
    children: dict[str, list[PlannedStep]] = {}
    for planned in steps:
        parents = [n.step for n in planned.step.needs if n.step in position]
        parent = max(parents, key=lambda p: position[p], default="")
        children.setdefault(parent, []).append(planned)
    found: list[Branch] = []
    waiting = [(planned, "", "") for planned in reversed(children.get("", []))]
    while waiting:  # no recursion: a chain of steps may be long
        planned, lead, below = waiting.pop()
        under = children.get(planned.step.id, [])
        found.append(Branch(planned, position[planned.step.id], lead, below + ("│  " if under else "   ")))
        for child in reversed(under):
            is_last = child is under[-1]
            waiting.append((child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  ")))
    return tuple(found)
