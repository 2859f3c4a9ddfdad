"""The campaigns that a spec depends on: the newest record of each, and whether it was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.errors import Diagnostic
from runner.spec.inputs import at
from runner.spec.model import Spec
from runner.store import ssot


@dataclass(frozen=True)
class Dependency:
    """One campaign of `metadata.depends_on`. `record_id` is "" where it has no record."""

    campaign: str
    required: bool
    record_id: str
    verdict: str

    @property
    def is_accepted(self) -> bool:
        """Whether its newest record's verdict is PASS."""
        return self.verdict == "PASS"

    def __str__(self) -> str:
        found = f"record {self.record_id[:12]}, {self.verdict}" if self.record_id else "no record"
        return f"depends on `{self.campaign}`: {found}"


def dependencies(spec: Spec, root: Path) -> tuple[Dependency, ...]:
    """The newest record of each campaign that the spec names, in its order.

    Raises:
        IntegrityError, InvalidError: records cannot be read, see `ssot.records`.
    """
    made = []
    stored_all = ssot.records(root) if spec.metadata.depends_on else ()
    newest = {s.record.campaign: s for s in stored_all if s.record.kind == "campaign"}
    for wanted in spec.metadata.depends_on:
        stored = newest.get(wanted.campaign)
        verdict = str(stored.record.verdict.get("status", "ERROR")) if stored else ""
        made.append(Dependency(wanted.campaign, wanted.required, stored.id if stored else "", verdict))
    return tuple(made)


def check_dependencies(spec: Spec, root: Path) -> tuple[Diagnostic, ...]:
    """A warning for each dependency that is not accepted; an error where the spec requires it."""
    found = []
    for i, dependency in enumerate(dependencies(spec, root)):
        if dependency.is_accepted:
            continue
        severity = "error" if dependency.required else "warning"
        code = "E406" if dependency.required else "W532"
        help = f"run and record `{dependency.campaign}` first"
        if not dependency.required:
            help += "; or write `{campaign: " + dependency.campaign + ", required: true}` to insist on it"
        key = ("metadata", "depends_on", i)
        found.append(at(spec, key, code, f"{dependency}, so it is not accepted", severity=severity, help=help))
    return tuple(found)
