"""What `apply` shows while it runs: a live view on a terminal, plain lines elsewhere, JSON lines on request."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live

from runner.canonical import readable_json
from runner.cli.board import Board
from runner.cli.fetching import FetchLine, fetch_line
from runner.report.hostile import one_line, visible
from runner.run.status import StepState, next_state

Event = dict[str, Any]


class View(Protocol):
    """Listens to the events of a run."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """Every event as one JSON line on standard output."""

    def __call__(self, event: Event) -> None:
        sys.stdout.write(readable_json(event) + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing to end."""


class Lines:
    """One plain line a step on standard error, for logs."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._tenths: dict[str, int] = {}  # of a model's bytes, as far as it was told

    def __call__(self, event: Event) -> None:
        text = line_of(event)
        if event["event"] == "fetching":
            tenth = 10 * event["done"] // max(event["total"], 1)
            text = text if tenth > self._tenths.get(event["model"], 0) else ""
            self._tenths[event["model"]] = tenth
        if text:
            self._console.print(text)

    def close(self) -> None:
        """Nothing to end."""


class OnTerminal:
    """The steps as a list that is drawn anew in place; when it ends, one line a finished step stays."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._board = Board()
        self._lines: list[str] = []
        self._live = Live(self._board, console=self._console, refresh_per_second=4, transient=True)
        self._fetching = FetchLine(self._console)

    def __call__(self, event: Event) -> None:
        board, kind = self._board, event["event"]
        if kind.startswith("fetch"):
            self._fetching(event)
            return
        if kind == "plan":
            self._fetching.close()
            board.campaign = event["campaign"]
            board.steps.update({step: StepState(step, "waiting") for step in event["steps"]})
            self._live.start()
        elif "step" in event:
            board.steps[event["step"]] = next_state(event, board.steps.get(event["step"]))
            board.notes[event["step"]] = _outcome(event)
        if kind == "progress":
            board.last = event
        text = line_of(event)
        if kind in ("interrupted", "adapted"):
            self._live.console.print(text, markup=False, soft_wrap=True)
        elif text:
            self._lines.append(text)

    def close(self) -> None:
        """Give the terminal back, with what happened as plain lines."""
        self._fetching.close()
        self._live.stop()
        for text in self._lines:
            self._console.print(text, markup=False, soft_wrap=True)
        self._lines.clear()


def line_of(event: Event) -> str:
    """The line that stays of an event; "" for events that leave none. No control character reaches the terminal."""
    return visible(_line_of(event)).replace("\n", " ")


def _line_of(event: Event) -> str:
    kind = event["event"]
    if kind == "plan":
        new = len(event["steps"]) - len(event["cached"])
        return f"{event['campaign']}: {len(event['steps'])} steps, {len(event['cached'])} cached, {new} to run"
    place = f"[{event.get('position', '')}/{event.get('of', '')}]"
    if kind == "end":
        return f"{place} done    {event['step']}  {event['seconds']:.1f} s  {_measures(event)}".rstrip()
    if kind == "cached":
        return f"{place} cached  {event['step']}"
    if kind == "failed":
        return f"{place} FAILED  {event['step']}: {event['message']}"
    if kind == "adapted":
        return f"{event['step']}: {event['text']}; it starts anew"
    if kind == "warning":
        return f"warning: {event['text']}"
    if kind.startswith("fetch"):
        return fetch_line(event)
    if kind == "interrupted":
        return "stopping: the running step saves its state (once more ends it at once)"
    return ""


def _outcome(event: Event) -> str:
    """What a step came to, beside its name."""
    return one_line(event["message"], 300) if event["event"] == "failed" else _measures(event)


def _measures(event: Event) -> str:
    measures = event.get("measures", {})
    if "final_train_loss" in measures:
        return f"loss {measures['final_train_loss']:.4f}, {measures['updates']} updates"
    if isinstance(measures.get("values"), dict):
        shown = [f"{name} {value:.3f}" for name, value in list(measures["values"].items())[:3]]
        return ", ".join(shown)
    return ""


def choose(output_format: str) -> View:
    """The view for `--format` and the kind of terminal."""
    if output_format == "json":
        return JsonLines()
    return OnTerminal() if sys.stderr.isatty() else Lines()


def ago(timestamp: float) -> str:
    """`12 s ago` of a Unix time."""
    seconds = max(0, int(time.time() - timestamp))
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7200 else f"{seconds // 3600} h ago"
