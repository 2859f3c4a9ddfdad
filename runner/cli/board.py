"""A run as a list of its steps on a terminal: what is done, what runs and how far, what waits. Used by `apply` and
`status --watch`; knows events and step states, not where they come from.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from runner.report.hostile import one_line
from runner.report.numbers import duration
from runner.run.status import StepState

BAR = 16
MARKS = {"waiting": "·", "running": "▸", "done": "✓", "cached": "=", "failed": "✗", "interrupted": "■"}
PLAIN = {"waiting": ".", "running": ">", "done": "+", "cached": "=", "failed": "!", "interrupted": "#"}
STYLES = {"waiting": "dim", "running": "bold cyan", "done": "green", "cached": "dim green", "failed": "bold red"}


class Pace:
    """Time left of what a step counts (rows read, then updates), from what was done since it was first seen."""

    def __init__(self) -> None:
        self._counted = ("", 0.0)  # step, total
        self._done = 0.0
        self._first = (0.0, 0.0)  # seconds, units done

    def left(self, step: str, done: float, total: float, now: float) -> float | None:
        """Seconds left at the pace so far; None until something was done. `now` is of any steady clock."""
        if (step, total) != self._counted or done < self._done:
            self._counted, self._first = (step, total), (now, done)
        self._done = done
        began, at = self._first
        return (now - began) / (done - at) * (total - done) if done > at else None


class Board:
    """The list, drawn to the size of the terminal: the running step stays in sight, the rest is counted."""

    def __init__(self, campaign: str = "", *, seconds: float = 0.0) -> None:
        self.campaign = campaign
        self.steps: dict[str, StepState] = {}
        self.notes: dict[str, str] = {}  # step → what it came to
        self.last: dict[str, Any] = {}  # the running step's last progress event
        self.began = time.monotonic() - seconds  # that the run has taken already
        self._pace = Pace()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        marks = MARKS if console.encoding.lower().startswith("utf") else PLAIN
        steps = list(self.steps.values())
        room = max(4, (options.max_height if options.max_height else console.height) - 4)
        first, shown = window([s.state for s in steps], room)
        yield self._line(self._head(steps))
        if first:
            yield self._line(Text(f"   … {first} above", "dim"))
        for step in steps[first : first + shown]:
            for line in self._rows(step, marks, options.max_width):
                yield self._line(line)
        below = len(steps) - first - shown
        if below:
            yield self._line(Text(f"   … {below} more", "dim"))

    @staticmethod
    def _line(text: Text) -> Text:
        text.no_wrap, text.overflow = True, "ellipsis"
        return text

    def _head(self, steps: Sequence[StepState]) -> Text:
        over = sum(s.state in ("done", "cached") for s in steps)
        text = Text(one_line(self.campaign, 60), "bold")
        text.append(f"  {over} of {len(steps)} steps, {duration(time.monotonic() - self.began, 'en')}", "not bold dim")
        return text

    def _rows(self, step: StepState, marks: dict[str, str], width: int) -> list[Text]:
        style = STYLES.get(step.state, "")
        text = Text(f" {marks.get(step.state, ' ')} ", style)
        if step.state != "running":
            text.append(one_line(step.id, 200), "dim" if step.state in ("waiting", "cached") else "")
            if step.seconds is not None:
                text.append(f"  {duration(step.seconds, 'en')}", "dim")
            text.append("  " + self.notes.get(step.id, "") if self.notes.get(step.id) else "", "dim")
            return [text]
        return self._running(step, text, marks is PLAIN, width)

    def _running(self, step: StepState, text: Text, plain: bool, width: int) -> list[Text]:
        about = f"  {meter(step.done or 0, step.total or 0, plain)}" if step.total else ""
        if step.total:
            about += f" {100 * (step.done or 0) / step.total:3.0f} %"
            left = self._pace.left(step.id, step.done or 0, step.total, time.monotonic())
            about += f"  {duration(left, 'en')} left" if left is not None else ""
        name = one_line(step.id, 200)
        room = max(12, width - len(about) - 4)
        text.append(name if cell_len(name) <= room else set_cell_size(name, room - 1) + "…", "bold")
        text.append(about)
        note = note_of(self.last, plain=plain) if self.last.get("step", step.id) == step.id else ""
        return [text, Text(f"     {note}", "cyan")] if note else [text]


def window(states: Sequence[str], room: int) -> tuple[int, int]:
    """The first step to show and how many: all where they fit, else the running one a third from the top."""
    if len(states) <= room:
        return 0, len(states)
    at = next((i for i, s in enumerate(states) if s == "running"), None)
    if at is None:
        at = next((i for i, s in enumerate(states) if s == "waiting"), len(states) - 1)
    first = max(0, min(at - room // 3, len(states) - room))
    return first, room


def meter(done: float, total: float, plain: bool, width: int = BAR) -> str:
    """A bar of characters, full where `done` is `total`."""
    full = round(width * min(1.0, max(0.0, done / total))) if total else 0
    return ("#" * full + "-" * (width - full)) if plain else ("━" * full + "╌" * (width - full))


def note_of(event: dict[str, Any], *, plain: bool = True) -> str:
    """Loss, speed, and memory against the line of a progress event, as far as it has them."""
    parts = []
    if isinstance(event.get("loss"), int | float):
        name = "validation loss" if event.get("what") == "validated" else "loss"
        parts.append(f"{name} {event['loss']:.4f}")
    if isinstance(event.get("tokens_per_second"), int | float):
        parts.append(f"{event['tokens_per_second']:,.0f} tokens/s")
    used, limit = event.get("memory_bytes"), event.get("memory_limit_bytes")
    if isinstance(used, int):
        line = f" of {limit / 1e9:g}" if isinstance(limit, int) else ""
        bar = " " + meter(used, limit, plain, 10) if isinstance(limit, int) and limit else ""
        parts.append(f"memory {used / 1e9:.2f}{line} GB{bar}")
    return "  ".join(parts)
