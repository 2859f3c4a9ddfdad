"""The loop over a plan: decides each step anew when its turn comes, runs it in a worker, commits what it made."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from runner.errors import IntegrityError, InterruptedRunError, LorarunError, MemoryLineError, ResourceError, StepError
from runner.memory.cap import stay_awake
from runner.plan.keys import Components
from runner.plan.model import PlannedStep, Step
from runner.plan.resolve import Known, decide
from runner.run.adapting import StoppedForMemory
from runner.run.beside import warnings_of
from runner.run.deadline import Deadline
from runner.run.journal import Listener
from runner.run.real_rows import Counted, RealRows
from runner.run.space import check_space, forecast_here, used_bytes
from runner.run.watched import Watched, memory_of
from runner.run.workers import Workers
from runner.spec.model import Spec
from runner.steps.context import StepRequest
from runner.store.artifacts import REPAIR, Artifacts, describe
from runner.store.manifest import Manifest

EVENT_SECONDS = 0.2  # progress events of one step are passed on at most this often


@dataclass(frozen=True)
class StepOutcome:
    """What became of one step in this run."""

    planned: PlannedStep
    key: str  # "" where it did not come to run
    action: str  # run | cached | failed | blocked
    error: str = ""
    memory: dict[str, Any] = field(default_factory=dict)  # of a step that was ended for it


@dataclass
class Loop:
    """One run of a campaign's steps."""

    spec: Spec
    root: Path
    artifacts: Artifacts
    known: Known
    sources: dict[str, Path]  # "checkpoint/qwen" → folder
    emit: Listener
    log: Path
    check_sources: Callable[[Iterable[str]], None]  # raises where one changed since the run began
    command: str  # what goes on with an interrupted run
    tell_again: bool = False  # what is odd about data also of steps that are cached
    real_rows: RealRows | None = None  # forecasts for rows and prompts that were counted
    outcomes: dict[str, StepOutcome] = field(default_factory=dict)
    failure: LorarunError | None = None
    _workers: Workers = field(init=False)
    _current: Watched | None = None
    _signal: int = 0
    _said: bool = False
    _started: float = field(default_factory=time.monotonic)
    _verified: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._workers = Workers(self.log, self.spec.limits.memory_bytes)

    def run(self, steps: Iterable[Step], *, of: int = 0) -> None:
        """Run all steps that are not cached. The first failure ends the loop; it is kept in `failure`.

        `steps` may be decided on the way: each is asked for when those before it are done. `of` is about how many.
        What did not come to run is noted by `block`.

        Raises:
            InterruptedRunError: Ctrl-C or SIGTERM; the running step saved its state.
            InvalidError, ResourceError, IntegrityError: nothing to judge was made.
        """
        awake = stay_awake(os.getpid())
        previous = {s: signal.signal(s, self._on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            for position, step in enumerate(steps, 1):
                self._take(step, position, max(of, position))
        except (StepError, MemoryLineError) as error:
            self.failure = error
        except BaseException:
            if self._current:  # let it save what it has
                self._current.worker.ask_to_stop()
            raise
        finally:
            self._workers.close()
            if awake is not None:
                awake.terminate()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _take(self, step: Step, position: int, of: int) -> None:
        self._check_limits()
        planned, parts = decide(step, self.known, self.spec)
        assert parts is not None, f"{step.id} came before its parents"
        about = {"step": step.id, "position": position, "of": of, "key": planned.key}
        if any(r.code == "output-corrupt" for r in planned.reasons):
            raise IntegrityError(f"{step.id}: {planned.reasons[0].text}", help=REPAIR)
        if planned.action == "cached":
            self._verify(planned.key)
            self.outcomes[step.id] = StepOutcome(planned, planned.key, "cached")
            self.emit({"event": "cached", **about})
            if self.tell_again:
                self._tell(self.artifacts.manifests()[planned.key])
            return
        self._check_space(step)
        if self.real_rows:
            self.real_rows.check(step, self.spec.limits.memory_bytes)
        self.emit({"event": "begin", **about, "title": step.title, "reasons": [r.text for r in planned.reasons]})
        started = time.monotonic()
        try:
            manifest = self._execute(step, planned.key, parts)
        except (StepError, MemoryLineError) as error:
            seen = memory_of(error.use, {}, step, self._counted(step)) if isinstance(error, StoppedForMemory) else {}
            self.outcomes[step.id] = StepOutcome(planned, planned.key, "failed", error.message, seen)
            self.emit({"event": "failed", **about, "message": error.message})
            raise
        self.known.remember(step.id, manifest.finished())
        self.outcomes[step.id] = StepOutcome(planned, planned.key, "run")
        self.emit(
            {"event": "end", **about, "seconds": round(time.monotonic() - started, 3), "measures": _brief(manifest)}
        )
        self._tell(manifest)

    def _tell(self, manifest: Manifest) -> None:
        for text in warnings_of(manifest, self.artifacts):
            self.emit({"event": "warning", "text": text})

    def _execute(self, step: Step, key: str, parts: Components) -> Manifest:
        watched = self._current = self._workers.serving(step)
        request = StepRequest(
            id=step.id,
            kind=step.kind,
            params=step.params,
            inputs=self._inputs(step),
            out=self.artifacts.fresh_output(key),
            checkpoint=self.artifacts.work(key) / "checkpoint",
            root=self.root,
        )
        started = time.monotonic()
        watched.used()
        answer = self._supervise(watched, step, request)
        self.check_sources([f"{source.kind}/{source.id}" for source in step.sources])
        manifest = Manifest(
            step=step.id,
            kind=step.kind,
            key=key,
            components=_plain(parts),
            outputs=describe(request.out, answer["contents"]),
            measures=answer["measures"],
            memory=memory_of(watched.used(), answer["measures"], step, self._counted(step)),
            seconds=round(time.monotonic() - started, 3),
            created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            environment=dict(self.known.environment),
        )
        self.artifacts.commit(manifest)
        return manifest

    def _counted(self, step: Step) -> Counted | None:
        return self.real_rows.of(step) if self.real_rows else None

    def _supervise(self, watched: Watched, step: Step, request: StepRequest) -> dict[str, Any]:
        try:
            with Deadline(watched.worker, self._seconds_left()):
                return watched.worker.run(request, self._throttled(request.id))
        except InterruptedRunError as error:
            if not self._signal:  # its time was up, or it was told from elsewhere
                self._check_limits()
            said, number = f"interrupted in {error.message}", self._signal or signal.SIGTERM
            raise InterruptedRunError(said, signal=number, help=self._resume()) from error
        except StepError:
            if watched.ran_out:
                raise watched.crossed(step, self.spec.path, self._resume()) from None
            if self._signal:  # the worker ended because we were told to end
                raise InterruptedRunError("interrupted", signal=self._signal, help=self._resume()) from None
            self._check_limits()  # or because its time was up
            raise

    def _check_space(self, step: Step) -> None:
        wanted = forecast_here(step, self.spec, self.root, self.artifacts).needs_bytes
        check_space(self.root, step.id, wanted, used=used_bytes(self.root), limit=self.spec.limits.disk_bytes)

    def _resume(self) -> str:
        return f"`{self.command}` goes on where this stopped"

    def _inputs(self, step: Step) -> dict[str, Path]:
        """Where each input lies; outputs of earlier steps are compared with their digests first."""
        inputs = {source.role: self.sources[f"{source.kind}/{source.id}"] for source in step.sources}
        for need in step.needs:
            key = self.outcomes[need.step].key
            self._verify(key)
            inputs[need.role] = self.artifacts.place(key) / need.file
        return inputs

    def _verify(self, key: str) -> None:
        """Compare a step's outputs with their digests, once in a run: nothing damaged is used or called good."""
        if key not in self._verified:
            self.artifacts.verify(key)
            self._verified.add(key)

    def _throttled(self, step: str) -> Callable[[dict[str, Any]], None]:
        last = 0.0

        def pass_on(event: dict[str, Any]) -> None:
            nonlocal last
            now = time.monotonic()
            if self._signal and not self._said:  # the handler itself may have come in the middle of a write
                self._said = True
                self.emit({"event": "interrupted", "signal": self._signal})
            final = event.get("done") is not None and event.get("done") == event.get("total")
            if final or now - last >= EVENT_SECONDS:
                last = now
                seen = self._current.guard.current_bytes if self._current else 0
                memory = {"memory_bytes": seen, "memory_limit_bytes": self.spec.limits.memory_bytes}
                self.emit({**event, "event": "progress", "what": event["event"], "step": step, **memory})
            self._check_wall_time()

        return pass_on

    def _check_limits(self) -> None:
        if self._signal:
            raise InterruptedRunError("interrupted between two steps", signal=self._signal, help=self._resume())
        left, limit = self._seconds_left(), self.spec.limits.wall_time_seconds
        if left is not None and left <= 0:
            raise ResourceError(
                f"the wall time limit of {limit:.0f} s is used up; the state is saved",
                help=f"{self._resume()}; raise `limits.wall_time` to give it more",
            )

    def _seconds_left(self) -> float | None:
        """Of `limits.wall_time`; None without such a limit."""
        limit = self.spec.limits.wall_time_seconds
        return None if limit is None else limit - (time.monotonic() - self._started)

    def _check_wall_time(self) -> None:
        """On every event, besides the clock of `Deadline`: a machine that slept wakes with its timers behind."""
        left = self._seconds_left()
        if left is not None and left <= 0 and self._current:
            self._current.worker.ask_to_stop()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        """First: let the step save its state. Second: end at once."""
        if self._signal and self._current:
            self._current.worker.kill()
        self._signal = self._signal or number
        if self._current:  # no event from here: a handler may not write to what it may have interrupted
            self._current.worker.ask_to_stop()

    def block(self, steps: Iterable[Step]) -> None:
        """Note every step that did not come to run."""
        for step in steps:
            if step.id not in self.outcomes:
                self.outcomes[step.id] = StepOutcome(PlannedStep(step, "upstream"), "", "blocked")


def _plain(parts: Components) -> dict[str, Any]:
    return {
        "kind": parts.kind,
        "implementation": parts.implementation,
        "params": parts.params,
        "inputs": parts.inputs,
        "environment": parts.environment,
    }


def _brief(manifest: Manifest) -> dict[str, Any]:
    """The measures that a progress line can show."""
    return {k: v for k, v in manifest.measures.items() if isinstance(v, str | int | float) or k == "values"}
