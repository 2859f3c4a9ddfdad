"""How a model or data set that is being fetched is told of: what comes and how much, how far it is, what came."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from runner.cli.board import meter
from runner.report.hostile import one_line
from runner.report.numbers import duration, size

SHORT = 12  # digits of a commit


def fetch_line(event: dict[str, Any]) -> str:
    """One line of an event of a fetch, which may come from a journal that anybody wrote; "" for other events."""
    kind, model = event.get("event"), one_line(str(event.get("model", "")), 60)
    total, commit = _count(event, "total"), one_line(str(event.get("commit", "")), 40)
    if kind in ("fetch_data", "fetched_data"):
        return one_line(str(event.get("text", "")), 600)
    if kind == "fetch":
        here = total - _count(event, "missing")
        there = f", {size(here)} of them are here" if here else ""
        return (
            f"fetch {model}: {one_line(str(event.get('path')), 200)} at {commit[:SHORT]}, {size(total)} in "
            f"{_count(event, 'files')} files{there}; {size(_count(event, 'free'))} free at "
            f"{one_line(str(event.get('to')), 200)}"
        )
    if kind == "fetching":
        done, rate = _count(event, "done"), _count(event, "bytes_per_second")
        left = f", {duration((total - done) / rate, 'en')} left" if rate else ""
        return f"fetch {model}: {100 * done // max(total, 1)} % of {size(total)}, {size(rate)}/s{left}"
    if kind == "fetched":
        return f"fetched {model}: {size(total)} in {duration(_count(event, 'seconds'), 'en')}, commit {commit}"
    return ""


def _count(event: dict[str, Any], name: str) -> int:
    value = event.get(name, 0)
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**63 else 0


class FetchLine:
    """The line of the fetch under way, drawn anew in place; the others stay. For terminals."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None

    def __call__(self, event: dict[str, Any]) -> None:
        text = fetch_line(event)
        if event["event"] != "fetching":
            self.close()
            self._console.print(text, markup=False, soft_wrap=True)
            return
        if self._live is None:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        plain = not self._console.encoding.lower().startswith("utf")
        shown = Text(f"{meter(event['done'], event['total'], plain)} {text}", no_wrap=True, overflow="ellipsis")
        self._live.update(shown)

    def close(self) -> None:
        """Give the line back."""
        if self._live is not None:
            self._live.stop()
            self._live = None
