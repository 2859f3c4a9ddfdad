"""Other work on the GPU: it takes memory and time from a tuning."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

from runner.doctor.finding import Finding

BUSY_PERCENT = 20


def probe(root: Path) -> tuple[Finding, ...]:
    """How busy the GPU is before anything of ours runs; nothing where there is none to ask."""
    if platform.system() == "Darwin":
        return _found(busy_on_a_mac(_said(["/usr/sbin/ioreg", "-r", "-d", "1", "-c", "IOAccelerator"])), True)
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    asked = [program, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    return _found(busiest(_said(asked)), False)


def busy_on_a_mac(said: str) -> int | None:
    """Read the `Device Utilization %` of ioreg's performance statistics."""
    found = [int(n) for n in re.findall(r'"Device Utilization %"=(\d{1,3})\b', said)]
    return max(found, default=None)


def busiest(said: str) -> int | None:
    """Read nvidia-smi's list: a number a GPU."""
    return max((int(line) for line in said.split() if line.isdigit() and len(line) < 4), default=None)


def _found(percent: int | None, mac: bool) -> tuple[Finding, ...]:
    if percent is None:
        return ()
    values: dict[str, str | int | float | None] = {"percent": percent}
    if percent < BUSY_PERCENT:
        return (Finding("gpu", "ok", f"the GPU is {percent} % busy", values=values, unverified=mac),)
    text = f"the GPU is {percent} % busy with other work"
    remedy = "close what uses it: it takes memory and time from the run"
    return (Finding("gpu", "warning", text, remedy, values, unverified=mac),)


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
