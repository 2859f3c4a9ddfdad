"""The scorecard: points earned by checks, in exact decimals. It is computed, never typed in, and overrides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from runner.acceptance.model import Check, Pillar, Scorecard
from runner.spec.model import PillarSpec, ScorecardSpec

EARNING = ("pass", "warn")  # what the gate lets through
GROUPS = {"targets": "target", "guards": "guard", "limits": "limit", "memory": "memory"}
"""Names that stand for all checks of one kind. A check of that very id comes first."""


def add_up(spec: ScorecardSpec, checks: Sequence[Check]) -> Scorecard:
    """Points by pillar and in total. A check that failed, was inconclusive or never ran earns nothing, and is named."""
    pillars = tuple(_pillar(pillar, checks) for pillar in spec.pillars)
    total = Decimal(spec.baseline) + sum((Decimal(p.earned) for p in pillars), Decimal(0))
    return Scorecard(spec.name, spec.baseline, spec.target, str(total), pillars)


def _pillar(pillar: PillarSpec, checks: Sequence[Check]) -> Pillar:
    missing = tuple(name for name in pillar.requires if not _earned(name, checks))
    held = len(pillar.requires) - len(missing)
    need = {"all": len(pillar.requires), "any": 1}.get(str(pillar.need))
    enough = held >= (int(pillar.need) if need is None else need) and bool(pillar.requires)
    earned = pillar.points if enough else str(Decimal(pillar.points) * 0)
    return Pillar(pillar.id, pillar.name, pillar.points, earned, () if enough else missing)


def _earned(name: str, checks: Sequence[Check]) -> bool:
    found = [c for c in checks if c.id == name] or [c for c in checks if c.kind == GROUPS.get(name)]
    return bool(found) and all(c.status in EARNING for c in found)
