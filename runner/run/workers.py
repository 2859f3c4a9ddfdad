"""The worker processes of a run: which one serves a step, and when one ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from runner.plan.kinds import KINDS, TOKENIZERS
from runner.plan.model import Step
from runner.run.child import Worker, environment_of_child
from runner.run.watched import Watched

MODEL, READER, LIGHT = "model", "reader", "light"


@dataclass
class Workers:
    """At most one worker that has a model, one that reads with tokenizers alone, and one that loads no package.

    The packages take a process seconds of CPU time to import. So a worker goes on to the next model, and from reading
    to a model or back, if what it still holds without its model is no more than forecasts leave for the packages. Else
    it ends, and all that it held is free.
    """

    log: Path
    limit_bytes: int | None
    _running: dict[str, Watched] = field(default_factory=dict)
    _group: str = ""

    def serving(self, step: Step) -> Watched:
        """The worker for a step, started if there is none."""
        role = MODEL if step.group else READER if KINDS[step.kind].loads == TOKENIZERS else LIGHT
        if role == MODEL:
            self._make_way(step.group)
        elif role == READER and role not in self._running and MODEL in self._running:
            role = MODEL if self._running[MODEL].is_small else READER
            if role == MODEL:
                self._group = ""  # reading may leave something behind, so way is made for the next model
        if role not in self._running:
            environment = environment_of_child()
            worker = Worker(environment=environment, log=self.log, limit_bytes=self.limit_bytes)
            self._running[role] = Watched(worker, self.limit_bytes)
        return self._running[role]

    def close(self) -> None:
        """End them all."""
        for role in tuple(self._running):
            self._close(role)

    def _make_way(self, group: str) -> None:
        """Leave at most the worker that may load the model of `group`."""
        if group != self._group and MODEL in self._running:
            self._running[MODEL].worker.release()
            if not self._running[MODEL].is_small:
                self._close(MODEL)
        self._group = group
        reader = self._running.get(READER)
        if reader and reader.is_small and MODEL not in self._running:
            self._running[MODEL] = self._running.pop(READER)
        self._close(READER)

    def _close(self, role: str) -> None:
        watched = self._running.pop(role, None)
        if watched is not None:
            watched.close()
