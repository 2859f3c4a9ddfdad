"""The parent's side of a worker: starts it, sends steps, passes on events, ends its whole process group."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner.errors import Diagnostic, IntegrityError, InterruptedRunError, InvalidError, ResourceError, StepError
from runner.machine.blas import child_environment, find
from runner.memory.cap import capped, needed
from runner.steps.context import StepRequest

# What a worker inherits; nothing that could hold a secret or send its code elsewhere.
INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "LORARUN_FAILPOINT",
)
LOG_TAIL_BYTES = 4000
GRACE_SECONDS = 20.0


class Worker:
    """One running worker process."""

    def __init__(self, *, environment: dict[str, str], log: Path, limit_bytes: int | None = None) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self._ready = False
        with log.open("ab") as stderr:
            # A session of its own: Ctrl-C reaches us alone, and the whole group can be ended at once.
            self.process = subprocess.Popen(
                capped([sys.executable, "-X", "utf8", "-m", "runner.run.worker"], limit_bytes),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env={**{k: os.environ[k] for k in (*INHERITED, *needed()) if k in os.environ}, **environment},
                start_new_session=True,
                encoding="utf-8",
            )
        self._log_start = log.stat().st_size

    @property
    def pid(self) -> int:
        return self.process.pid

    def run(self, request: StepRequest, on_event: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Run one step and give its `done` answer.

        Raises:
            InvalidError, ResourceError, InterruptedRunError: as the step raised them.
            StepError: the step failed, or its process ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request.as_message(), ensure_ascii=False) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise StepError(f"{request.id}: its process ended: {self._ending()}", help=self._hint()) from None
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "done":
                return dict(event)
            if event["event"] == "failed":
                raise self._error(request.id, event)
            self._ready |= event["event"] == "ready"
            on_event(event)
        raise StepError(f"{request.id}: its process ended: {self._ending()}", help=self._hint())

    def release(self) -> None:
        """Let the worker close its model and give the memory back. Returns when it has, or when it is gone."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"release": True}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return
        for line in self.process.stdout:
            event = json.loads(line)["event"]
            self._ready |= event == "ready"
            if event == "released":
                return

    def _error(self, step: str, event: dict[str, Any]) -> Exception:
        message, help_text = f"{step}: {event['message']}", event["help"]
        if event["type"] == "InvalidError":
            found = tuple(Diagnostic(**d) for d in event["diagnostics"])
            return InvalidError(message, diagnostics=found, help=help_text)
        if event["type"] == "InterruptedRunError":
            return InterruptedRunError(message, signal=signal.SIGTERM, help=help_text)
        if event["type"] == "ResourceError":
            return ResourceError(message, help=help_text)
        if event["type"] == "IntegrityError":
            return IntegrityError(message, help=help_text)
        return StepError(message, help=help_text or self._hint())

    def ask_to_stop(self) -> None:
        """Ask the step to save its state and end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def ask_to_shrink(self) -> None:
        """Ask the step to save its state and to free what it keeps for speed alone."""
        if self._ready and self.process.poll() is None:  # before, the signal would end it
            self.process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """End the whole process group at once."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def close(self) -> None:
        """Let the worker end by itself; end it if it does not."""
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        self.kill()
        if self.process.stdout:
            self.process.stdout.close()

    def _ending(self) -> str:
        code = self.process.wait()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _hint(self) -> str:
        """The last lines that the worker wrote to its log."""
        with self.log.open("rb") as f:
            f.seek(max(self._log_start, self.log.stat().st_size - LOG_TAIL_BYTES))
            tail = f.read().decode(errors="replace").strip().splitlines()[-6:]
        return "\n".join([f"its log is `{self.log}`", *tail])


def environment_of_child() -> dict[str, str]:
    """What a child that may load MLX is given: this machine's BLAS, and this very code from any working directory."""
    folder = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([folder, *([inherited] if inherited else [])])
    return {**child_environment(find()), "PYTHONPATH": path}
