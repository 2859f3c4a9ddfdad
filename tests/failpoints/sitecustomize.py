"""Named failpoints around every commit: a process that `LORARUN_FAILPOINT` names one to is killed when it comes there.

Python loads a module of this name from PYTHONPATH when it starts. The program itself knows nothing of failpoints, and
the wheel holds no tests: only a test can set one.
"""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

_KEY = "[0-9a-f]{64}"


@dataclass(frozen=True)
class Failpoint:
    """The n-th operation of this kind whose path (for a rename or link, the final one) matches."""

    operation: str
    path: str
    at: int = 1


FAILPOINTS = {
    "evidence.unwritten": Failpoint("create", r"ssot/evidence/\.[0-9a-f]+\.tmp"),
    "evidence.unlinked": Failpoint("link", r"ssot/evidence/[0-9a-f]{64}\.jsonl\.gz"),
    "evidence.linked": Failpoint("fsync-folder", r"ssot/evidence"),
    "record.unwritten": Failpoint("create", r"ssot/records/\.[0-9a-f]+\.tmp"),
    "record.unlinked": Failpoint("link", r"ssot/records/[0-9a-f]{32}\.json"),
    "record.linked": Failpoint("fsync-folder", r"ssot/records"),
    "manifest.unwritten": Failpoint("rename", rf"artifacts/\.work/{_KEY}/out/manifest\.json"),
    "outputs.unsynced": Failpoint("fsync", rf"artifacts/\.work/{_KEY}/out/manifest\.json"),
    "outputs.unnamed": Failpoint("rename", rf"artifacts/[a-z].*/{_KEY}"),
    "outputs.named": Failpoint("fsync-folder", r"artifacts/score/summary/after"),
    "outputs.aside": Failpoint("rename", rf"artifacts/\.quarantine/{_KEY}\..*"),
    "lock.unwritten": Failpoint("rename", r"specs/mini\.lock"),
    "report.unwritten": Failpoint("rename", r"artifacts/mini/report\.html"),
    "checkpoint.first": Failpoint("rename", r".*/checkpoint/checkpoint\.json"),
    "checkpoint.second": Failpoint("rename", r".*/checkpoint/checkpoint\.json", at=2),
    "checkpoint.tensors": Failpoint("fsync-folder", r".*/checkpoint", at=3),
}


def install(name: str) -> None:
    """Kill this process at the failpoint."""
    from runner import files

    point, root, count = FAILPOINTS[name], Path.cwd().resolve(), 0

    def observe(operation: str, path: Path, detail: object) -> None:
        nonlocal count
        place = detail if isinstance(detail, Path) else path
        shown = os.path.relpath(place.resolve(), root)
        if operation == point.operation and re.fullmatch(point.path, shown):
            count += 1
            if count == point.at:
                os.kill(os.getpid(), signal.SIGKILL)

    files.observe = observe


if os.environ.get("LORARUN_FAILPOINT"):
    install(os.environ["LORARUN_FAILPOINT"])
