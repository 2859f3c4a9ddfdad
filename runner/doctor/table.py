"""The doctor's probes, in the order in which they report. Each is one file with one `probe(root)`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import cast

from runner.doctor.finding import Finding

Probe = Callable[[Path], tuple[Finding, ...]]

PROBES: dict[str, str] = {
    "versions": "runner.doctor.versions:probe",
    "backend": "runner.doctor.backend:probe",
    "blas": "runner.doctor.blas:probe",
    "memory": "runner.doctor.memory:probe",
    "disk": "runner.doctor.disk:probe",
    "filesystem": "runner.doctor.filesystem:probe",
    "locks": "runner.doctor.locks:probe",
    "hub": "runner.doctor.hub:probe",
    "power": "runner.doctor.power:probe",
    "display": "runner.doctor.display:probe",
    "gpu": "runner.doctor.gpu:probe",
}


def load(name: str) -> Probe:
    """The probe of that name."""
    module, function = PROBES[name].split(":")
    return cast(Probe, getattr(importlib.import_module(module), function))


def examine(root: Path) -> tuple[Finding, ...]:
    """All findings about this machine and the project at `root`."""
    return tuple(finding for name in PROBES for finding in load(name)(root))
