"""The backend that MLX will use, and the chip."""

from __future__ import annotations

import platform
from pathlib import Path

from runner.doctor.finding import Finding
from runner.machine import sysctl
from runner.machine.environment import backend, chip_family

_NVIDIA = Path("/proc/driver/nvidia/version")


def probe(root: Path) -> tuple[Finding, ...]:
    """Backend and chip, and what stands in the way of a faster one."""
    name, chip = backend(), chip_family()
    text = f"backend {name}, {chip}"
    values: dict[str, str | int | float | None] = {"backend": name, "chip": chip, "machine": platform.machine()}
    if platform.system() == "Darwin":
        return (_on_a_mac(name, text, values),)
    if name == "cpu" and _NVIDIA.exists():
        remedy = "to use the GPU: `LORARUN_EXTRA=cuda make demo`, or `pip install '.[cuda]'`"
        return (
            Finding(
                "backend", "note", f"{text}; there is an NVIDIA GPU, and MLX's CUDA part is absent", remedy, values
            ),
        )
    if name == "cpu":
        remedy = "enough for checks, demos and small models; tune large models on Apple silicon or with CUDA"
        return (Finding("backend", "note", f"{text}; everything is computed in fp32", remedy, values),)
    return (Finding("backend", "ok", text, values=values),)


def _on_a_mac(name: str, text: str, values: dict[str, str | int | float | None]) -> Finding:
    if sysctl.read("sysctl.proc_translated") == "1":
        remedy = "install a Python for arm64 and make the environment again"
        return Finding("backend", "problem", f"{text}; this Python runs under Rosetta", remedy, values, unverified=True)
    if name != "metal":
        return Finding("backend", "problem", f"{text}; MLX needs Apple silicon", "use another Mac, or Linux", values)
    return Finding("backend", "ok", text, values=values, unverified=True)
