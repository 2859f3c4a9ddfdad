"""Mains or battery: a tuning of hours on a battery ends early or runs slowly."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil

from runner.doctor.finding import Finding


def probe(root: Path) -> tuple[Finding, ...]:
    """What the machine runs on, where it has a battery at all."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None:
        return ()
    values: dict[str, str | int | float | None] = {"percent": round(battery.percent)}
    mac = platform.system() == "Darwin"
    if battery.power_plugged is False:
        remedy = "plug it in before a long `apply`; an interrupted run resumes where it was"
        return (Finding("power", "warning", f"on battery, {battery.percent:.0f} %", remedy, values, unverified=mac),)
    return (Finding("power", "ok", f"on mains, battery at {battery.percent:.0f} %", values=values, unverified=mac),)
