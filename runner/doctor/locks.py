"""Whether a run holds the project."""

from __future__ import annotations

from pathlib import Path

from runner.doctor.finding import Finding
from runner.run.project_lock import is_held


def probe(root: Path) -> tuple[Finding, ...]:
    """The project's lock."""
    if is_held(root):
        remedy = "wait for it, or see `lorarun status`; the lock goes away with its process"
        return (Finding("locks", "note", "a run holds this project", remedy),)
    return (Finding("locks", "ok", "no run holds this project"),)
