"""What `apply` shows while it runs: a live view on a terminal, plain lines elsewhere, JSON lines on request."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

Event = dict[str, Any]
TITLE_COLUMNS = 30


class View(Protocol):
    """Listens to the events of a run."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """Every event as one JSON line on standard output."""

    def __call__(self, event: Event) -> None:
        sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing to end."""


class Lines:
    """One plain line a step on standard error, for logs."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

    def __call__(self, event: Event) -> None:
        text = line_of(event)
        if text:
            self._console.print(text)

    def close(self) -> None:
        """Nothing to end."""


class Live:
    """Progress bars with ETA on a terminal; finished steps stay as lines above them."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=2)),
            BarColumn(bar_width=12),
            TextColumn("{task.percentage:>3.0f} %", table_column=Column(no_wrap=True, min_width=5)),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True, min_width=5)),
            TextColumn("left", table_column=Column(no_wrap=True, min_width=4)),
            TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True, ratio=3)),
            expand=True,
            console=self._console,
            transient=True,
        )
        self._progress.start()
        self._whole: TaskID | None = None
        self._step: TaskID | None = None

    def __call__(self, event: Event) -> None:
        kind = event["event"]
        if kind == "plan":
            self._whole = self._progress.add_task("campaign", total=len(event["steps"]), note="")
        elif kind == "begin":
            self._drop()
            self._step = self._progress.add_task(_short(event["title"]), total=None, note="")
        elif kind == "progress" and self._step is not None:
            self._progress.update(
                self._step, completed=event.get("done", 0), total=event.get("total"), note=note_of(event)
            )
        if kind in ("end", "cached", "failed") and self._whole is not None:
            self._progress.advance(self._whole)
            self._drop()
        text = line_of(event)
        if text:
            self._progress.console.print(text, markup=False)

    def _drop(self) -> None:
        if self._step is not None:
            self._progress.remove_task(self._step)
            self._step = None

    def close(self) -> None:
        """Give the terminal back."""
        self._progress.stop()


def _short(title: str) -> str:
    """A title that leaves room for the bar and the time left on 80 columns."""
    return title if len(title) <= TITLE_COLUMNS else title[: TITLE_COLUMNS - 1] + "…"


def note_of(event: Event) -> str:
    """Loss and speed of a progress event, as far as it has them."""
    parts = []
    if isinstance(event.get("loss"), int | float):
        parts.append(f"loss {event['loss']:.4f}")
    if isinstance(event.get("tokens_per_second"), int | float):
        parts.append(f"{event['tokens_per_second']:,.0f} tokens/s")
    if isinstance(event.get("memory_bytes"), int):
        limit = event.get("memory_limit_bytes")
        line = f" of {limit / 1e9:g}" if isinstance(limit, int) else ""
        parts.append(f"{event['memory_bytes'] / 1e9:.2f}{line} GB")
    return "  ".join(parts)


def line_of(event: Event) -> str:
    """The line that stays of an event; "" for events that leave none."""
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
    if kind == "interrupted":
        return "stopping: the running step saves its state (once more ends it at once)"
    return ""


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
    return Live() if sys.stderr.isatty() else Lines()


def ago(timestamp: float) -> str:
    """`12 s ago` of a Unix time."""
    seconds = max(0, int(time.time() - timestamp))
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7200 else f"{seconds // 3600} h ago"
