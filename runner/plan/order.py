"""The order of steps: parents first, and steps of one model together, so that its weights are loaded once."""

from __future__ import annotations

from runner.plan.model import Step


def ordered(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """A topological order that stays with one model as long as it can; ties keep the given order.

    Raises:
        ValueError: the steps depend on each other in a circle, or on a step that is not there.
    """
    left = {s.id: s for s in steps}
    done: dict[str, Step] = {}
    group = ""
    while left:
        ready = [s for s in left.values() if all(parent in done for parent in (*(n.step for n in s.needs), *s.after))]
        if not ready:
            raise ValueError(f"steps depend on each other in a circle: {', '.join(left)}")
        step = next((s for s in ready if not s.group), None) or next((s for s in ready if s.group == group), ready[0])
        group = step.group or group
        done[step.id] = left.pop(step.id)
    return tuple(done.values())
