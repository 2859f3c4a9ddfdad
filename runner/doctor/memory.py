"""How much memory a campaign can have here."""

from __future__ import annotations

from pathlib import Path

from runner.doctor.finding import Finding
from runner.machine import memory, sysctl
from runner.memory.cap import kernel_cap

_LOW = 4 * 10**9


def probe(root: Path) -> tuple[Finding, ...]:
    """Total and free memory, the kernel's cap on a run, and what a Mac lets its GPU wire."""
    total, available = memory.total_bytes(), memory.available_bytes()
    if total is None:
        return (Finding("memory", "warning", "the amount of memory cannot be read", "set `limits.memory` in the spec"),)
    values: dict[str, str | int | float | None] = {"total_bytes": total, "available_bytes": available}
    text = f"{total / 1e9:.1f} GB" + (f", {available / 1e9:.1f} GB of it free" if available is not None else "")
    if available is not None and available < _LOW:
        remedy = "close other programs before `apply`; the forecast counts on what the limit says, not on what is free"
        return (Finding("memory", "warning", text, remedy, values), _cap(), *_wired(total))
    return (Finding("memory", "ok", text, values=values), _cap(), *_wired(total))


def _cap() -> Finding:
    """The kernel's cap behind the guard, which holds the line with or without it."""
    cap = kernel_cap()
    if cap.works:
        return Finding("memory.cap", "ok", f"{cap.name}: the kernel caps a run too", unverified=cap.unverified)
    return Finding("memory.cap", "ok", f"the guard alone holds a run to its limit: {cap.reason}")


def _wired(total: int) -> tuple[Finding, ...]:
    limit = memory.gpu_working_set_bytes()
    if limit is None:
        return ()
    values: dict[str, str | int | float | None] = {"gpu_working_set_bytes": limit}
    text = f"the GPU may wire {limit / 1e9:.1f} GB"
    if sysctl.read_integer("iogpu.wired_limit_mb") and limit > total * 3 // 4:
        remedy = "`sudo sysctl iogpu.wired_limit_mb=0`: a raised limit has led to kernel panics (mlx#3186)"
        return (Finding("memory.wired", "warning", f"{text}, more than macOS gives by itself", remedy, values, True),)
    return (Finding("memory.wired", "ok", text, values=values, unverified=True),)
