"""The order of steps, against the rule written out plainly."""

import random

import pytest

from runner.plan.model import Need, Step
from runner.plan.order import ordered


def plainly(steps: tuple[Step, ...]) -> list[str]:
    """Again and again the first ready step: without a model, else of the model at hand, else any."""
    left, done, group = list(steps), [], ""
    while left:
        ready = [s for s in left if all(n.step in done for n in s.needs) and all(a in done for a in s.after)]
        light = [s for s in ready if not s.group]
        step = (light or [s for s in ready if s.group == group] or ready)[0]
        group = step.group or group
        left.remove(step)
        done.append(step.id)
    return done


def test_the_order_is_that_of_the_plain_rule():
    dice = random.Random(19)
    for _ in range(200):
        made: list[Step] = []
        for number in range(dice.randint(1, 25)):
            parents = dice.sample(made, min(len(made), dice.randint(0, 3)))
            needs = tuple(Need(str(i), p.id, "f") for i, p in enumerate(parents[1:]))
            after = tuple(p.id for p in parents[:1])
            made.append(Step(f"s{number}", "tune", {}, needs, group=dice.choice(["", "a", "b", "c"]), after=after))
        dice.shuffle(made)
        assert [s.id for s in ordered(tuple(made))] == plainly(tuple(made))


@pytest.mark.parametrize("parent", ["b", "missing"])
def test_steps_in_a_circle_or_after_nothing_are_refused(parent):
    steps = (Step("a", "tune", {}, (Need("x", parent, "f"),)), Step("b", "tune", {}, (Need("x", "a", "f"),)))
    with pytest.raises(ValueError, match="in a circle: a, b"):
        ordered(steps)
