"""The worker program: runs steps, of one model after the other, in a process whose memory is watched from outside.

Requests come as JSON lines on standard input, events and answers go as JSON lines to the first standard output.
What packages print goes to standard error. SIGTERM asks the step to save its state and stop,
SIGUSR1 to use less memory.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from runner.canonical import plain
from runner.errors import InterruptedRunError, InvalidError, LorarunError
from runner.files import OUT_OF_SPACE
from runner.machine.disk import free_bytes
from runner.machine.memory import give_back
from runner.steps.context import StepRequest, Surroundings
from runner.steps.table import run_step

if TYPE_CHECKING:
    from runner.engines.protocol import Engine, Reader

PARENT_CHECK_SECONDS = 1.0
NEARLY_FULL_BYTES = 16 * 10**6


class EngineKeeper:
    """Keeps the last opened base model, so that steps of one model load it once."""

    def __init__(self) -> None:
        self._key: tuple[Path, str, str] | None = None
        self._engine: Engine | None = None

    def open(self, checkpoint: Path, family: str, dtype: str) -> Engine:
        key = (checkpoint, family, dtype)
        if self._engine is None or self._key != key:
            self.close()
            from runner.engines.table import open_engine  # the one door to MLX

            self._engine = open_engine(checkpoint, family=family, dtype=dtype)
            self._key = key
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def open_reader(checkpoint: Path) -> Reader:
    """A tokenizer without its model."""
    from runner.engines import table

    return table.open_reader(checkpoint)


def trace(request: dict[str, Any]) -> dict[str, Any]:
    """The answer of the memory trace; what stands in its way is said in words, for no step depends on a forecast."""
    from runner.engines import memory_trace

    gc.disable()  # see memory_trace.main
    try:
        return memory_trace.answer(request)
    except Exception as error:  # of architectures that nobody traced yet; the guard holds the line all the same
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        gc.enable()


class Stop:
    """Whether the step should save its state and end: SIGTERM came, or the parent is gone."""

    def __init__(self) -> None:
        self.asked = False
        self.signal = signal.SIGTERM
        self._parent = os.getppid()
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
        threading.Thread(target=self._watch_parent, daemon=True).start()

    def _ask(self, *_: object) -> None:
        self.asked = True

    def _watch_parent(self) -> None:
        while os.getppid() == self._parent:
            time.sleep(PARENT_CHECK_SECONDS)
        self.asked = True

    def __call__(self) -> bool:
        return self.asked


class Pressure:
    """Whether memory ran short since it was last asked: the guard's soft line was crossed, and it sent SIGUSR1."""

    def __init__(self) -> None:
        self._asked = False
        signal.signal(signal.SIGUSR1, self._ask)

    def _ask(self, *_: object) -> None:
        self._asked = True

    def __call__(self) -> bool:
        asked, self._asked = self._asked, False
        return asked


def serve(requests: TextIO, answers: TextIO) -> None:
    """Answer requests until the input ends."""

    def emit(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value, ensure_ascii=False) + "\n")
        answers.flush()

    stop, pressure, keeper = Stop(), Pressure(), EngineKeeper()
    around = Surroundings(
        open_engine=keeper.open,
        close_engine=keeper.close,
        on_event=emit,
        should_stop=stop,
        open_reader=open_reader,
        should_shrink=pressure,
        trace=trace,
    )
    emit({"event": "ready", "pid": os.getpid()})
    for line in requests:
        request = json.loads(line)
        if request.get("release"):
            keeper.close()
            give_back()
            emit({"event": "released"})
        else:
            emit(answer(request, around))
        if stop.asked:
            break
    keeper.close()


def answer(value: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """Run one request; the last event it leads to, `done` or `failed`."""
    request = StepRequest.from_message(value)
    try:
        result = run_step(request, around)
    except InvalidError as error:
        return _failed(error, diagnostics=[plain(d) for d in error.diagnostics])
    except InterruptedRunError as error:
        return _failed(error, interrupted=True)
    except LorarunError as error:
        return _failed(error)
    except MemoryError as error:
        return {"event": "failed", "type": "ResourceError", "message": f"out of memory: {error}", "help": ""}
    except Exception as error:
        traceback.print_exc()
        if _is_full(error, request.out):
            message = f"the disk is full: {error}"
            return {
                "event": "failed",
                "type": "ResourceError",
                "message": message,
                "help": "free some space and run again",
            }
        return {"event": "failed", "type": "Crash", "message": f"{type(error).__name__}: {error}", "help": ""}
    return {"event": "done", "measures": plain(result.measures), "contents": result.contents}


def _is_full(error: Exception, out: Path) -> bool:
    """Whether a write failed for want of space. MLX says only that it could not write."""
    if isinstance(error, OSError) and error.errno in OUT_OF_SPACE:
        return True
    return isinstance(error, RuntimeError) and "write" in str(error).lower() and free_bytes(out) < NEARLY_FULL_BYTES


def _failed(error: LorarunError, **more: Any) -> dict[str, Any]:
    return {"event": "failed", "type": type(error).__name__, "message": error.message, "help": error.help, **more}


def main() -> None:
    """Keep the answer channel to ourselves: whatever a package prints must not be read as an answer."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        serve(sys.stdin, answers)
    except BrokenPipeError:
        os._exit(1)  # the parent is gone; nobody is left to answer


if __name__ == "__main__":
    main()
