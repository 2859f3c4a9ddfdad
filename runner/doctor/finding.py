"""`Finding`: one thing that a probe saw, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field

LEVELS = ("ok", "note", "warning", "problem")


@dataclass(frozen=True)
class Finding:
    """`text` says what is; `remedy` says what would make it better and is empty only where the level is `ok`.

    `values` holds the figures behind the text for programs. `unverified` marks what could not be tried on a machine
    of this kind when it was written.
    """

    id: str  # "disk.project"
    level: str  # one of LEVELS
    text: str
    remedy: str = ""
    values: dict[str, str | int | float | None] = field(default_factory=dict)
    unverified: bool = False
