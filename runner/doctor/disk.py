"""Free space where step outputs and models go."""

from __future__ import annotations

import shutil
from pathlib import Path

from runner.doctor.finding import Finding
from runner.models.hub_settings import hub_cache

_LEAST = {"project": 2 * 10**9, "hub cache": 10 * 10**9}
_REMEDY = {
    "project": "free some space; `artifacts/` may be deleted, its steps then run again",
    "hub cache": "free some space, or set HF_HOME to a larger disk; a 4-bit model of 8 billion parameters takes 6 GB",
}


def probe(root: Path) -> tuple[Finding, ...]:
    """Free bytes at the project and at the hub cache."""
    return (_space("project", root), _space("hub cache", hub_cache()))


def _space(name: str, folder: Path) -> Finding:
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    values: dict[str, str | int | float | None] = {"path": str(folder), "free_bytes": free}
    text = f"{free / 1e9:.1f} GB free at the {name} ({folder})"
    identity = f"disk.{name.replace(' ', '-')}"
    if free < 2 * 10**8:
        return Finding(identity, "problem", text, _REMEDY[name], values)
    if free < _LEAST[name]:
        return Finding(identity, "warning", text, _REMEDY[name], values)
    return Finding(identity, "ok", text, values=values)
