"""The journal of a run: one JSON line an event, for `status`, the live page, and for whoever asks what happened."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

Event = dict[str, Any]
Listener = Callable[[Event], None]
FORMAT = "lorarun/events/v1"
FILE = "journal.jsonl"


def place(root: Path, campaign: str) -> Path:
    """The journal of a campaign's newest run."""
    return root / "artifacts" / campaign / FILE


class Journal:
    """Appends events with their time to the journal and hands them on to a listener.

    The file is begun with the first event: what is refused before anything was done leaves the last run's journal.
    """

    def __init__(self, path: Path, listener: Listener) -> None:
        self._path = path
        self._listener = listener
        self._file: TextIO | None = None

    @property
    def is_begun(self) -> bool:
        """Whether anything was said yet."""
        return self._file is not None

    def __call__(self, event: Event) -> None:
        if self._file is None:
            self._file = self._begun()
            self({"event": "start", "format": FORMAT, "pid": os.getpid()})
        stamped = {"time": round(time.time(), 3), **event}
        self._file.write(json.dumps(stamped, ensure_ascii=False) + "\n")
        self._file.flush()
        self._listener(stamped)

    def _begun(self) -> TextIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            self._path.replace(self._path.with_name("journal.previous.jsonl"))
        return self._path.open("a", encoding="utf-8")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def read(path: Path) -> list[Event]:
    """All whole events of a journal; a last line that was cut off is left out."""
    events: list[Event] = []
    if not path.is_file():
        return events
    with path.open(encoding="utf-8", errors="replace") as f:
        for line in f:
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if _is_event(value):
                events.append(value)
    return events


def _is_event(value: Any) -> bool:
    """Whether this is an event as `Journal` writes it; what else stands in a journal is passed over."""
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        return False
    steps, cached = value.get("steps", []), value.get("cached", [])
    texts = all(isinstance(s, str) for s in steps) if isinstance(steps, list) else False
    times = isinstance(value.get("time", 0.0), int | float)
    return texts and times and isinstance(cached, list | int) and isinstance(value.get("step", ""), str)
