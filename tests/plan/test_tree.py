"""Tests of runner.plan.tree."""

from runner.plan.build import build_steps
from runner.plan.model import Need, PlannedStep, Step
from runner.plan.tree import branches
from runner.spec.model import Spec


def planned(*edges: tuple[str, str]) -> tuple[PlannedStep, ...]:
    """Steps `(id, its parents as letters)`."""
    return tuple(
        PlannedStep(Step(name, "score", {}, needs=tuple(Need("x", parent, "f") for parent in parents)), "run")
        for name, parents in edges
    )


def test_every_step_stands_once_under_the_input_that_is_made_last() -> None:
    found = branches(planned(("a", ""), ("b", "a"), ("c", "ab"), ("d", "a"), ("e", "c")))
    assert [b.lead + b.planned.step.id for b in found] == ["a", "├─ b", "│  └─ c", "│     └─ e", "└─ d"]
    assert [b.position for b in found] == [1, 2, 3, 5, 4]


def test_lines_that_belong_to_a_step_keep_the_branches_below_it_joined() -> None:
    found = {b.planned.step.id: b.below for b in branches(planned(("a", ""), ("b", "a"), ("c", "a"), ("d", "b")))}
    assert found == {"a": "│  ", "b": "│  │  ", "c": "      ", "d": "│        "}


def test_a_needed_step_that_is_not_in_the_plan_is_no_parent() -> None:
    assert [b.lead for b in branches(planned(("b", "z")))] == [""]


def test_a_whole_campaign_is_drawn_without_a_loss(spec: Spec) -> None:
    steps = tuple(PlannedStep(s, "run") for s in build_steps(spec))
    assert sorted(b.position for b in branches(steps)) == list(range(1, len(steps) + 1))


def test_a_long_chain_of_steps_is_drawn() -> None:
    steps = tuple(
        PlannedStep(Step(str(i), "score", {}, needs=(Need("x", str(i - 1), "f"),) if i else ()), "run")
        for i in range(3000)
    )
    assert len(branches(steps)) == 3000
