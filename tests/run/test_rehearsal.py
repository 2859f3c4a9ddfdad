"""Tests of runner.run.rehearsal: what comparisons lead to, and a course that is planned anew after them."""

from pathlib import Path
from typing import Any

import pytest

from runner.errors import StepError
from runner.files import write_json
from runner.plan.model import Need, Step
from runner.plan.paths import Pins
from runner.run.rehearsal import Course, Said, Seen, news, said_of, up_to_rehearsals

AGREES: dict[str, Any] = {"path": "packed", "loss_difference": 1e-7, "gradient_difference": 1e-6, "tolerance": 1e-4}
AGREES |= {"seconds": {"without": 2.0, "with": 1.0}, "finding": ""}


def step(name: str, *after: str, needs: tuple[str, ...] = (), params: str = "") -> Step:
    wanted = tuple(Need(n, n, "x") for n in needs)
    return Step(name, name.split("/")[0], {"p": params}, needs=wanted, after=after, group=name.split("/")[-1])


STEPS = (step("prepare/d"), step("rehearse/m", needs=("prepare/d",)), step("tune/m", "rehearse/m"), step("score/m"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, Said("on")),
        (
            {"gradient_difference": 0.2, "finding": "it differs by 2e-01"},
            Said("off: it differs by 2e-01", differs=True),
        ),
        ({"loss_difference": float("nan"), "finding": "it differs"}, Said("off: it differs", differs=True)),
        ({"finding": "it takes 1.50 times as long"}, Said("off: it takes 1.50 times as long")),
    ],
)
def test_a_path_is_off_where_it_differs_or_clearly_does_not_pay(change: dict[str, Any], said: Said) -> None:
    assert said_of([AGREES | change]) == {"packed": said}


def test_one_set_of_answers_that_differ_is_enough() -> None:
    same = {"path": "batch", "different": [], "seconds": {"without": 2.0, "with": 1.0}, "finding": ""}
    other = same | {"different": ["s1"], "finding": "1 of 4 answers differ"}
    slow = same | {"finding": "it takes 1.50 times as long"}
    for compared in ([same, other, slow], [slow, other, same]):
        assert said_of(compared) == {"batch": Said("off: 1 of 4 answers differ", differs=True)}


def test_what_the_lock_holds_is_not_decided_again() -> None:
    seen = Seen({"a": {"packed": Said("off: it takes 1.50 times as long")}, "b": {"packed": Said("on")}})
    found = news(seen, Pins({"a": {"packed": "on"}}))
    assert found == Pins({"b": {"packed": "on"}}, {})


def test_a_locked_path_that_computes_something_else_here_is_refused() -> None:
    with pytest.raises(StepError, match="`packed` on, but here it differs by 1") as raised:
        news(Seen({"a": {"packed": Said("off: it differs by 1", differs=True)}}), Pins({"a": {"packed": "on"}}))
    assert "lock's pins of `a`" in raised.value.help


def test_the_first_part_is_the_rehearsals_and_what_they_wait_for() -> None:
    assert [s.id for s in up_to_rehearsals(STEPS)] == ["prepare/d", "rehearse/m"]
    assert up_to_rehearsals(STEPS[2:]) == ()


def report(folder: Path, compared: dict[str, Any]) -> Path:
    path = folder / "rehearsal.json"
    write_json(path, {"paths": {"m": [compared]}, "answer_paths": []})
    return path


def walk(course: Course) -> list[str]:
    return [f"{s.id} {s.params['p']}".strip() for s in course]


def test_steps_go_on_as_planned_where_nothing_was_turned_off(tmp_path: Path) -> None:
    measured: list[Seen] = []

    def pin(seen: Seen) -> bool:
        measured.append(seen)
        return False

    course = Course(STEPS, lambda _: report(tmp_path, AGREES), pin, lambda: pytest.fail("nothing to plan anew"))
    assert walk(course) == [s.id for s in STEPS]
    assert measured == [Seen({"m": {"packed": Said("on")}}, {"m": {}})]


def test_a_path_that_was_turned_off_is_rehearsed_and_planned_anew_before_any_tuning(tmp_path: Path) -> None:
    again = tuple(step(s.id, *s.after, needs=tuple(n.step for n in s.needs), params="plain") for s in STEPS[1:])
    course = Course(STEPS, lambda _: report(tmp_path, AGREES), lambda _: True, lambda: (STEPS[0], *again))
    assert walk(course) == ["prepare/d", "rehearse/m", "rehearse/m plain", "tune/m plain", "score/m plain"]
    assert course.steps[2].params == {"p": "plain"}


def test_a_rehearsal_that_turns_out_to_stand_before_nothing_is_not_held(tmp_path: Path) -> None:
    asked: list[list[str]] = []
    seen: list[str] = []

    def settle(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        asked.append(list(seen))
        return tuple(s for s in steps if s.kind != "rehearse")

    course = Course(STEPS, lambda _: None, lambda _: False, lambda: (), settle)
    for one in course:
        seen.append(one.id)
    assert seen == ["prepare/d", "tune/m", "score/m"]
    assert asked == [["prepare/d"]]  # when what the rehearsal reads was there
    assert [s.id for s in course.steps] == seen
