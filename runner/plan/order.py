"""The order of steps: parents first, and steps of one model together, so that its weights are loaded once."""

from __future__ import annotations

from heapq import heappop, heappush

from runner.plan.model import Step


def ordered(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """A topological order that stays with one model as long as it can; ties keep the given order.

    Raises:
        ValueError: the steps depend on each other in a circle, or on a step that is not there.
    """
    places = {s.id: place for place, s in enumerate(steps)}
    waiting = {s.id: {*(n.step for n in s.needs), *s.after} for s in steps}
    children: dict[str, list[str]] = {}
    for name, parents in waiting.items():
        for parent in parents:
            children.setdefault(parent, []).append(name)
    ready: dict[str, list[int]] = {}  # group → a heap of places
    for name, parents in waiting.items():
        if not parents:
            heappush(ready.setdefault(steps[places[name]].group, []), places[name])
    done: list[Step] = []
    group = ""
    while chosen := _next(ready, group):
        step = steps[heappop(chosen)]
        group = step.group or group
        done.append(step)
        for child in children.get(step.id, ()):
            waiting[child].discard(step.id)
            if not waiting[child]:
                heappush(ready.setdefault(steps[places[child]].group, []), places[child])
    if len(done) < len(steps):
        left = [s.id for s in steps if waiting[s.id]]
        raise ValueError(f"steps depend on each other in a circle: {', '.join(left)}")
    return tuple(done)


def _next(ready: dict[str, list[int]], group: str) -> list[int]:
    """The heap to take from: steps without a model first, then those of the model at hand, then the earliest."""
    heaps = [heap for heap in ready.values() if heap]
    return ready.get("") or ready.get(group) or min(heaps, key=lambda heap: heap[0], default=[])
