"""The state of a campaign's newest run, read from its journal and the project's lock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.run.journal import FILE, Event, place, read
from runner.run.project_lock import is_held, is_held_by_another


@dataclass(frozen=True)
class StepState:
    id: str
    state: str  # waiting | running | done | cached | failed | interrupted
    seconds: float | None = None
    done: float | None = None
    total: float | None = None


@dataclass(frozen=True)
class Status:
    campaign: str
    state: str  # running | interrupted | stopped | finished | never
    steps: tuple[StepState, ...] = ()
    updated: float = 0.0  # Unix time of the last event
    started: float = 0.0  # Unix time of the first
    last: Event = field(default_factory=dict)  # the last progress event of the running step
    result: Event = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The state as plain data."""
        return {
            "format": "lorarun/status/v1",
            "campaign": self.campaign,
            "state": self.state,
            "updated": self.updated,
            "started": self.started,
            "steps": [vars(s) for s in self.steps],
            "last": self.last,
            "result": self.result,
        }


def newest(root: Path) -> str | None:
    """The campaign whose journal was written last."""
    journals = sorted((root / "artifacts").glob(f"*/{FILE}"), key=lambda p: p.stat().st_mtime)
    return journals[-1].parent.name if journals else None


def read_status(root: Path, campaign: str) -> Status:
    """What the journal tells; a run without an end whose lock is free was interrupted."""
    events = read(place(root, campaign))
    if not events:
        return Status(campaign, "never")
    steps: dict[str, StepState] = {}
    last: Event = {}
    result: Event = {}
    state = "running"
    for event in events:
        kind = event.get("event")
        if kind == "plan":
            steps = {s: StepState(s, "waiting") for s in event.get("steps", [])}
        elif kind in ("progress", "fetch", "fetching"):
            last = event
        elif kind in ("result", "stopped"):
            result = event
            state = "finished" if kind == "result" else "stopped"
        if "step" in event:
            steps[event["step"]] = next_state(event, steps.get(event["step"]))
    # A run that has just begun holds the project before it writes: the journal is still that of the one before.
    if state == "running" and (not is_held(root) or is_held_by_another(root, events[0].get("pid"))):
        state = "interrupted"
    if state != "running":  # nothing runs any more, whatever the journal's last line about a step was
        steps = {id: replace(s, state="interrupted") if s.state == "running" else s for id, s in steps.items()}
    started, updated = (float(events[i].get("time", 0.0)) for i in (0, -1))
    return Status(campaign, state, tuple(steps.values()), updated, started, last, result)


def next_state(event: Event, known: StepState | None) -> StepState:
    """A step's state after an event that names it."""
    states = {"begin": "running", "progress": "running", "end": "done", "cached": "cached", "failed": "failed"}
    state = states.get(event["event"], known.state if known else "waiting")
    return StepState(event["step"], state, event.get("seconds"), event.get("done"), event.get("total"))
