"""What changed in the spec between a record and the one before it."""

from __future__ import annotations

from dataclasses import dataclass

from runner.report.reading import flat
from runner.report.view import View


@dataclass(frozen=True)
class Change:
    """One value of the resolved spec that differs; None where it is missing on that side."""

    key: str
    was: str | None
    now: str | None


@dataclass(frozen=True)
class Changes:
    """All differences to the record `since` ("" where there is none before this one)."""

    since: str
    rows: tuple[Change, ...]


def changes(view: View) -> Changes:
    """The differences of the resolved specs, by dotted name."""
    place = next((i for i, r in enumerate(view.history) if r is view.record), 0)
    if place == 0:
        return Changes("", ())
    before = view.history[place - 1]
    old, new = dict(flat(before.spec)), dict(flat(view.record.spec))
    rows = tuple(Change(k, old.get(k), new.get(k)) for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k))
    return Changes(view.history_ids[place - 1], rows)
