"""Tests of the list of steps that `apply` and `status --watch` draw on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from runner.cli.board import Board, Pace, meter, note_of, window
from runner.cli.progress import OnTerminal, line_of
from runner.run.status import StepState

UPDATE = {
    "event": "progress",
    "what": "update",
    "step": "tune/llama-lora",
    "done": 30,
    "total": 90,
    "loss": 0.42134,
    "tokens_per_second": 1804.2,
    "memory_bytes": 340_000_000,
    "memory_limit_bytes": 4_000_000_000,
}


def terminal(width: int = 80, height: int = 24, encoding: str = "utf-8") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, width=width, height=height, force_terminal=True, color_system=None, highlight=False)


def drawn(board: Board, console: Console) -> list[str]:
    with console.capture() as caught:
        console.print(board)
    return caught.get().splitlines()


def board() -> Board:
    made = Board("demo")
    made.steps = {
        "prepare/a": StepState("prepare/a", "cached"),
        "tune/qwen-lora": StepState("tune/qwen-lora", "done", 75.0),
        "tune/llama-lora": StepState("tune/llama-lora", "running", None, 30, 90),
        "score/a": StepState("score/a", "waiting"),
    }
    made.last = UPDATE
    return made


def test_every_step_has_a_line_with_its_state_and_the_running_one_its_figures() -> None:
    head, cached, done, running, figures, waiting = drawn(board(), terminal())
    assert head.startswith("demo  2 of 4 steps")
    assert cached.split() == ["=", "prepare/a"]
    assert done.split("  ") == [" ✓ tune/qwen-lora", "1 min 15 s"]
    assert running.startswith(" ▸ tune/llama-lora  ━━━━━╌╌╌╌╌╌╌╌╌╌╌  33 %")
    assert figures.strip() == "loss 0.4213  1,804 tokens/s  memory 0.34 of 4 GB ━╌╌╌╌╌╌╌╌╌"
    assert waiting.split() == ["·", "score/a"]


def test_a_terminal_that_is_not_unicode_gets_plain_marks() -> None:
    text = "\n".join(drawn(board(), terminal(encoding="ascii")))
    assert " > tune/llama-lora  #####-----------  33 %" in text
    assert text.replace("…", "").isascii()


def test_of_many_steps_the_running_one_stays_in_sight() -> None:
    made = Board("demo")
    states = ["done"] * 60 + ["running"] + ["waiting"] * 39
    made.steps = {f"s/{i}": StepState(f"s/{i}", state) for i, state in enumerate(states)}
    lines = drawn(made, terminal(height=14))
    assert len(lines) <= 14
    assert lines[1].strip() == "… 57 above"
    assert any("▸ s/60" in line for line in lines)
    assert lines[-1].strip() == "… 33 more"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], (0, 0)),
        (["waiting"] * 5, (0, 5)),
        (["done"] * 20, (10, 10)),
        (["waiting"] * 20, (0, 10)),
        (["running"] + ["waiting"] * 19, (0, 10)),
    ],
)
def test_the_window_is_never_past_the_ends(states: list[str], expected: tuple[int, int]) -> None:
    assert window(states, 10) == expected


def test_no_line_is_wider_than_the_terminal() -> None:
    made = board()
    made.steps["generate/" + "긴이름" * 60] = StepState("generate/" + "긴이름" * 60, "running", None, 1, 3)
    made.steps["score/" + "긴이름" * 60] = StepState("score/" + "긴이름" * 60, "waiting")
    for width in (40, 80, 200):
        lines = drawn(made, terminal(width))
        assert max(map(cell_len, lines)) <= width
        assert len(lines) == len(made.steps) + 2  # the head, and the figures below the step that the last event is of
        assert [line for line in lines if "▸ generate/긴" in line and " 33 %" in line]


def test_time_left_follows_the_pace_since_the_step_was_first_seen() -> None:
    pace = Pace()
    assert pace.left("a", 10, 100, 0.0) is None
    assert pace.left("a", 40, 100, 30.0) == pytest.approx(60.0)
    assert pace.left("b", 0, 10, 31.0) is None


def test_the_pace_of_reading_rows_is_not_that_of_updates() -> None:
    pace = Pace()
    assert pace.left("a", 5, 100, 0.0) is None
    assert pace.left("a", 100, 100, 95.0) == 0.0
    assert pace.left("a", 1, 36, 100.0) is None
    assert pace.left("a", 2, 36, 102.0) == pytest.approx(68.0)
    assert pace.left("a", 1, 36, 104.0) is None


def test_a_bar_is_full_at_the_end_and_never_longer() -> None:
    assert meter(0, 10, True, 4) == "----"
    assert meter(5, 10, True, 4) == "##--"
    assert meter(99, 10, True, 4) == "####"
    assert meter(1, 0, True, 4) == "----"


def test_a_validation_loss_is_called_so() -> None:
    assert note_of({"what": "validated", "loss": 0.5}) == "validation loss 0.5000"


def test_nothing_that_a_step_says_moves_the_cursor() -> None:
    nasty = "\x1b[2J\x1b]0;owned\x07\r\nnext\x9b31m\u202e"
    event = {"event": "failed", "step": "tune/" + nasty, "message": nasty, "position": 1, "of": 2}
    line = line_of(event)
    assert "\n" not in line
    assert not set("\x1b\x07\r\x9b\u202e") & set(line)
    view = OnTerminal(terminal())
    view({"event": "plan", "campaign": nasty, "steps": ["tune/" + nasty], "cached": []})
    view(event)
    shown = "".join(drawn(view._board, terminal()))
    view.close()
    assert not set("\x1b\x07\r\x9b\u202e") & set(shown)


def test_what_happened_stays_as_plain_lines_when_the_list_is_gone() -> None:
    console = terminal()
    view = OnTerminal(console)
    view({"event": "plan", "campaign": "demo", "steps": ["tune/a"], "cached": []})
    view({"event": "begin", "step": "tune/a", "title": "tune a", "position": 1, "of": 1})
    view({"event": "end", "step": "tune/a", "seconds": 1.5, "position": 1, "of": 1, "measures": {}})
    with console.capture() as caught:
        view.close()
    assert caught.get().rstrip().endswith("demo: 1 steps, 0 cached, 1 to run\n[1/1] done    tune/a  1.5 s")
