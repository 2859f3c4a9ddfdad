"""A worker and the guard that watches its memory from outside."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.canonical import plain
from runner.memory.cap import kernel_cap
from runner.memory.choose import RUNTIME_BYTES
from runner.memory.guard import Guard
from runner.memory.model import MemoryUse
from runner.plan.model import Step
from runner.run.adapting import TUNE, StoppedForMemory, edit_for, ran_with
from runner.run.child import Worker
from runner.run.real_rows import Counted


@dataclass
class Watched:
    """One worker under the campaign's memory limit; without a limit it is only watched."""

    worker: Worker
    limit_bytes: int | None
    guard: Guard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = Guard(self.worker.pid, limit_bytes=self.limit_bytes, on_soft=lambda _: self.worker.ask_to_shrink())

    def used(self) -> MemoryUse:
        """What was seen since it was last asked."""
        return self.guard.reset()

    @property
    def is_small(self) -> bool:
        """Whether it runs, and holds no more now than forecasts leave for packages and driver."""
        self.used()
        return self.worker.process.poll() is None and self.guard.current_bytes <= RUNTIME_BYTES

    def close(self) -> None:
        """End the watch, then the worker."""
        self.guard.stop()
        self.worker.close()

    @property
    def ran_out(self) -> bool:
        """Whether the worker was ended for its memory: by the guard, or by the kernel's cap behind it."""
        lines = self.guard.lines
        if self.guard.killed or lines is None:
            return self.guard.killed
        near = self.guard.current_bytes >= lines.soft_bytes
        return near and kernel_cap().works and self.worker.process.poll() == -signal.SIGKILL

    def crossed(self, step: Step, spec_path: str, resume: str) -> StoppedForMemory:
        """What to tell when the worker was ended for its memory, with the edit that needs less."""
        use = self.used()
        lines = self.guard.lines
        assert lines is not None
        seen, kill, limit = (f"{n / 1e9:.2f} GB" for n in (use.peak_bytes, lines.kill_bytes, lines.limit_bytes))
        edit = edit_for(step)
        remedy = f"write `{edit.text}` in `{spec_path}`" if edit else "take shorter rows or a smaller model"
        if edit and step.kind == TUNE:
            remedy += " (`--adapt` does so by itself)"
        return StoppedForMemory(
            f"{step.id}: ended at {seen} of memory{ran_with(step)}, "
            f"past the kill line of {kill} under `limits.memory` of {limit}",
            help=f"{remedy}, or raise `limits.memory`; {resume}",
            step=step,
            edit=edit,
            use=use,
        )


def memory_of(
    use: MemoryUse, measures: Mapping[str, Any], step: Step, counted: Counted | None = None
) -> dict[str, Any]:
    """What a manifest keeps of a step's memory: what the system charged, MLX's own peak, what was forecast for bounds
    and for the rows or prompts that there are, and why the step runs as it does."""
    return {
        **plain(use),
        "mlx_peak_bytes": measures.get("peak_memory_bytes"),
        "forecast_bytes": step.forecast_bytes,
        **({"rows_forecast_bytes": counted.peak_bytes, "longest_tokens": counted.tokens} if counted else {}),
        **({"choice": list(step.notes)} if step.notes else {}),
    }
