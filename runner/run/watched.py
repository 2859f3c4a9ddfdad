"""A worker and the guard that watches its memory from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runner.canonical import plain
from runner.errors import MemoryLineError
from runner.memory.guard import Guard
from runner.memory.model import MemoryUse
from runner.run.child import Worker


@dataclass
class Watched:
    """One worker under the campaign's memory limit; without a limit it is only watched."""

    worker: Worker
    limit_bytes: int | None
    guard: Guard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = Guard(self.worker.pid, limit_bytes=self.limit_bytes)

    def close(self) -> None:
        """End the watch, then the worker."""
        self.guard.stop()
        self.worker.close()

    def crossed(self, step: str, resume: str) -> MemoryLineError:
        """What to tell when the guard ended the worker."""
        use = self.guard.reset()
        lines = self.guard.lines
        assert lines is not None
        seen, kill, limit = (f"{n / 1e9:.2f} GB" for n in (use.peak_bytes, lines.kill_bytes, lines.limit_bytes))
        return MemoryLineError(
            f"{step}: ended at {seen} of memory, past the kill line of {kill} under `limits.memory` of {limit}",
            help=f"halve `train.micro_batch` or set `train.grad_checkpoint: true`, or raise `limits.memory`; {resume}",
        )


def memory_of(use: MemoryUse, measures: dict[str, Any], forecast_bytes: int | None) -> dict[str, Any]:
    """What a manifest keeps of a step's memory: what the system charged, MLX's own peak, and what was forecast."""
    return {
        **plain(use),
        "mlx_peak_bytes": measures.get("peak_memory_bytes"),
        "forecast_bytes": forecast_bytes,
    }
