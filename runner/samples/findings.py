"""What is wrong with a data set, gathered while it is read: every kind of finding, each a few times."""

from __future__ import annotations

import dataclasses
from collections import Counter

from runner.errors import Diagnostic

MOST_OF_A_KIND = 20


class Findings:
    """Diagnostics in the order found; of each code the first few, and at the end how many more there were."""

    def __init__(self) -> None:
        self._kept: list[Diagnostic] = []
        self._count: Counter[tuple[str, str]] = Counter()

    def error(self, code: str, message: str, path: str, line: int = 0, *, help: str = "", note: str = "") -> None:
        """Something that must be mended before a model is loaded."""
        self.add(Diagnostic(code, message, path=path, line=line, help=help, note=note))

    def warning(self, code: str, message: str, path: str, line: int = 0, *, help: str = "", note: str = "") -> None:
        """Something to know."""
        self.add(Diagnostic(code, message, path=path, line=line, severity="warning", help=help, note=note))

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a finding, or count it where many of its kind are kept already."""
        kind = (diagnostic.code, diagnostic.severity)
        self._count[kind] += 1
        if self._count[kind] <= MOST_OF_A_KIND:
            self._kept.append(diagnostic)

    def counts(self) -> dict[str, int]:
        """How many findings of each code there were."""
        return {code: n for (code, _), n in sorted(self._count.items())}

    @property
    def has_errors(self) -> bool:
        return any(d.severity == "error" for d in self._kept)

    def all(self) -> tuple[Diagnostic, ...]:
        """The findings kept, each kind's last one saying how many more there were."""
        last = {(d.code, d.severity): i for i, d in enumerate(self._kept)}
        kept = list(self._kept)
        for kind, index in last.items():
            more = self._count[kind] - MOST_OF_A_KIND
            if more > 0:
                note = f"{kept[index].note}; " if kept[index].note else ""
                kept[index] = dataclasses.replace(kept[index], note=f"{note}and {more:,} more of this kind")
        return tuple(kept)
