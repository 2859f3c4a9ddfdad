"""What a step is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.engines.protocol import Engine, OnEvent, Reader, ShouldShrink, ShouldStop, never


def no_trace(_: dict[str, Any]) -> dict[str, Any]:
    """Where memory can't be forecast."""
    return {"error": "nothing traces here"}


@dataclass(frozen=True, kw_only=True)
class StepRequest:
    """One step to run, with all that it may read."""

    id: str
    kind: str
    params: dict[str, Any]
    inputs: dict[str, Path]  # role → file or folder
    out: Path  # an empty folder
    checkpoint: Path  # resumable state of an earlier, interrupted run of the same key
    root: Path  # the project; image paths of samples are relative to it

    def as_message(self) -> dict[str, Any]:
        """Plain data for another process."""
        inputs = {role: str(path) for role, path in self.inputs.items()}
        paths = {"out": str(self.out), "checkpoint": str(self.checkpoint), "root": str(self.root)}
        return {"id": self.id, "kind": self.kind, "params": self.params, "inputs": inputs, **paths}

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> StepRequest:
        """What `as_message` gave."""
        inputs = {role: Path(path) for role, path in message["inputs"].items()}
        paths = {name: Path(message[name]) for name in ("out", "checkpoint", "root")}
        return cls(**{**message, "inputs": inputs, **paths})


@dataclass(frozen=True)
class StepResult:
    """What a step made: measures for the record, and content digests where they are not the bytes' own."""

    measures: dict[str, Any]
    contents: dict[str, str] = field(default_factory=dict)  # file in `out` → content digest


@dataclass(frozen=True)
class Surroundings:
    """What the process around a step offers to it."""

    open_engine: Callable[[Path, str, str], Engine]  # checkpoint folder, family, dtype
    close_engine: Callable[[], None]  # frees the base model; the next `open_engine` loads it again
    on_event: OnEvent
    should_stop: ShouldStop
    open_reader: Callable[[Path], Reader]  # checkpoint folder; tokenizer and processor, no weights
    should_shrink: ShouldShrink = never  # the guard's soft line was crossed
    trace: Callable[[dict[str, Any]], dict[str, Any]] = no_trace  # see runner.engines.memory_trace
