"""A run's state in words."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click
from rich.console import Console
from rich.live import Live

from runner.cli.board import Board, note_of
from runner.cli.fetching import fetch_line
from runner.cli.progress import ago
from runner.report.hostile import visible
from runner.run.status import Status, StepState

MARKS = {"waiting": " ", "running": ">", "done": "+", "cached": "=", "failed": "!", "interrupted": "#"}


def watch(read: Callable[[], Status], *, is_held: Callable[[], bool], interval_seconds: float = 1.0) -> None:
    """Show a run until it is no longer running: in place on a terminal, else whenever its steps change.

    A run that holds the project and has said nothing yet is waited for.
    """
    found = read()
    while found.state == "never" and is_held():
        time.sleep(interval_seconds)
        found = read()
    if sys.stdout.isatty():
        board = Board(found.campaign, seconds=max(0.0, time.time() - found.started))
        with Live(board, console=Console(highlight=False), auto_refresh=False, transient=True) as shown:
            while found.state == "running":
                board.steps, board.last = {step.id: step for step in found.steps}, found.last
                shown.refresh()
                time.sleep(interval_seconds)
                found = read()
        click.echo(status_text(found))
        return
    seen: list[tuple[str, str]] = []
    while True:
        now = [(step.id, step.state) for step in found.steps]
        if now != seen or found.state != "running":
            click.echo(status_text(found) + "\n")
        if found.state != "running":
            return
        seen = now
        time.sleep(interval_seconds)
        found = read()


def status_text(status: Status) -> str:
    """The run's state, then one line a step. Nothing that a step said reaches the terminal as a control character."""
    return visible(_status_text(status))


def _status_text(status: Status) -> str:
    if status.state == "never":
        return f"{status.campaign}: no run was started yet"
    lines = [f"{status.campaign}: {status.state}, last event {ago(status.updated)}"]
    if not status.steps and fetch_line(status.last):
        lines.append(fetch_line(status.last))
    lines += [_step(step, status) for step in status.steps]
    if status.result.get("verdict"):
        lines.append(f"RESULT: {status.result['verdict']} — {status.result.get('reason', '')}")
    elif status.result.get("event") == "result":
        lines.append(f"no verdict: {status.result.get('reason', '')}")
    elif status.result:
        lines.append(f"stopped with exit code {status.result.get('exit_code')}: {status.result.get('message', '')}")
    if status.state == "interrupted":
        lines.append("it was ended in the middle; `lorarun apply` goes on from there")
    return "\n".join(lines)


def _step(step: StepState, status: Status) -> str:
    text = f" {MARKS.get(step.state, ' ')} {step.id}  {step.state}"
    if step.state in ("running", "interrupted") and step.total:
        note = note_of(status.last) if step.state == "running" else ""
        text += f" {100 * (step.done or 0) / step.total:.0f} %  {note}"
    elif step.seconds is not None:
        text += f" {step.seconds:.1f} s"
    return text.rstrip()
