"""The process tree under a child: what it is charged as a whole, and how to end all of it."""

from __future__ import annotations

import os
import signal
import sys
import time

from runner.memory.process import Process

if sys.platform == "darwin":
    from runner.memory import footprint_macos as system
else:
    from runner.memory import footprint_linux as system

KILL_ROUNDS = 200
KILL_PAUSE = 0.01  # seconds


class ProcessTree:
    """A child and everything it started. Processes once seen stay in the tree when their parent ends."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        root = system.identify(pid)
        self._known: dict[int, Process] = {pid: root} if root else {}

    def walk(self) -> None:
        """Look for new processes, and forget those that have ended."""
        self._known = {p.pid: p for p in self._known.values() if system.identify(p.pid) == p}
        queue = list(self._known) or [self.pid]
        for pid in queue:
            for child in system.children_of(pid):
                if child not in self._known and (found := system.identify(child)):
                    self._known[child] = found
                    queue.append(child)

    def bytes_now(self) -> tuple[int, int]:
        """(what the tree is charged now, the highest that the kernel saw of its root alone)."""
        total = highest = 0
        for pid in tuple(self._known):
            found = system.footprint_of(pid)
            if found is not None:
                total += found.now_bytes
                if pid == self.pid:
                    highest = found.highest_bytes
        return total, highest

    def forget_highest(self) -> bool:
        """Let the root's high-water mark begin anew; False where the system can't."""
        return system.forget_highest(self.pid)

    @property
    def is_root_alone(self) -> bool:
        """Whether the root has no process beside it, so that its own high-water mark is the tree's."""
        return len(self._known) <= 1

    def kill(self) -> bool:
        """End every process of the tree with SIGKILL, also those that start while this runs. True when none is left.

        Where the root leads a session (it was started with `start_new_session`), orphans of the session end too.
        """
        for _ in range(KILL_ROUNDS):
            for process in self._known.values():
                _end(process)
            self.walk()
            for pid in system.session_of(self.pid):
                found = system.identify(pid)
                if found and pid != os.getpid():
                    self._known[pid] = found
            if not self._known:
                return True
            for process in self._known.values():
                _end(process)
            time.sleep(KILL_PAUSE)
        return False


def _end(process: Process) -> None:
    if system.identify(process.pid) == process:  # another process may have the pid by now
        try:
            os.kill(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
