"""A Mac's display: while one is on, the system may end GPU work that takes too long."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from runner.doctor.finding import Finding


def probe(root: Path) -> tuple[Finding, ...]:
    """Whether a display is on, on a Mac; nothing elsewhere."""
    if platform.system() != "Darwin":
        return ()
    is_on = display_is_on(_ask())
    if is_on is None:
        text = "whether a display is on cannot be read"
        return (Finding("display", "note", text, "let the display sleep during long runs", unverified=True),)
    if is_on:
        text = "a display is on: macOS ends GPU work that holds it up for seconds"
        remedy = "if a step ends with `Impacting Interactivity`, let the display sleep, or lower `micro_batch`"
        return (Finding("display", "note", text, remedy, unverified=True),)
    return (Finding("display", "ok", "no display is on", unverified=True),)


def display_is_on(said: str | None) -> bool | None:
    """Read `pmset -g powerstate`: the display's line holds its power state, 4 being on."""
    for line in (said or "").splitlines():
        words = line.split()
        if len(words) > 1 and ("IODisplayWrangler" in words[0] or "IOMobileFramebuffer" in words[0]):
            return next((int(word) >= 4 for word in words[1:] if word.isdigit()), None)
    return None


def _ask() -> str | None:
    try:
        done = subprocess.run(
            ["/usr/bin/pmset", "-g", "powerstate"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout
