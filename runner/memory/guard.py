"""The guard: samples a child's whole process tree from outside and ends it before it crosses the limit.

Limits inside MLX are all soft, so the line is held by another process. Knows no MLX and nothing of steps.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from runner.memory.lines import GROWTH, INTERVAL, Lately, Lines, lines_under
from runner.memory.model import PAUSES, MemoryUse
from runner.memory.timeline import Timeline
from runner.memory.tree import ProcessTree

WALK_EVERY = 1.0  # seconds; a walk costs more than a sample, and a tree changes slowly
SHORTEST = 0.005  # seconds between samples near the kill line
GAP = 3  # intervals: a longer pause may have hidden a peak
SOFT_AGAIN = 1.0  # seconds before the child is asked again
EVENTS = 50
PRIORITY = -10  # niceness of the guard's thread; lowering it takes a privilege that containers often have


class Guard:
    """Watches the tree of `pid` from construction to `stop`, in a thread of its own.

    At `soft_bytes` (default: a share of the kill line) `on_soft` is called with the bytes seen, from the guard's
    thread, at most once a second. At the kill line the tree is ended and `killed` is set. Without `limit_bytes` it only
    watches. The child should lead a session of its own (`start_new_session=True`), so that its orphans end with it.
    """

    def __init__(
        self,
        pid: int,
        *,
        limit_bytes: int | None = None,
        soft_bytes: int | None = None,
        on_soft: Callable[[int], None] | None = None,
        growth: float = GROWTH,
    ) -> None:
        self._limit_bytes, self._soft_bytes = limit_bytes, soft_bytes
        self._growth = growth
        self._late, self._grown = Lately(), Lately()
        self.lines = self._lines_now()
        self.killed = False
        self.current_bytes = 0
        self._on_soft = on_soft
        self._tree = ProcessTree(pid)
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._stopped = False
        self._root_highest = 0
        self._mark_is_ours = True  # whether the kernel's high-water mark is of what is watched since the last reset
        self._soft_at = -SOFT_AGAIN
        self._begin()
        self._thread = threading.Thread(target=self._watch, name=f"memory guard of {pid}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def reset(self) -> MemoryUse:
        """What was seen since the last reset; the next step starts from nothing."""
        with self._lock:
            self._sample()
            use = self._use()
            self._mark_is_ours = self._tree.forget_highest()
            if self._mark_is_ours:
                self._root_highest = 0
            self._begin()
        return use

    def stop(self) -> MemoryUse:
        """End the watch. What was seen since the last reset; the same again when called again."""
        self._done.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        with self._lock:
            if not self._stopped:
                self._stopped = True
                self._sample()  # also notices if the thread had ended or hung
            return self._use()

    def _begin(self) -> None:
        self._start = time.monotonic()
        self._last: float | None = None
        self._peak = self._samples = self._gaps = 0
        self._crossed = False
        self._events: list[str] = []
        self._pauses: list[tuple[float, float, int]] = []
        self._timeline = Timeline()

    def _use(self) -> MemoryUse:
        return MemoryUse(
            peak_bytes=self._peak,
            samples=self._samples,
            interval_seconds=INTERVAL,
            gaps=self._gaps,
            limit_bytes=self.lines.limit_bytes if self.lines else None,
            crossed=self._crossed,
            events=tuple(self._events),
            timeline=self._timeline.points(),
            pauses=tuple(self._pauses),
        )

    def _watch(self) -> None:
        _come_first()
        walked = -WALK_EVERY
        due = time.monotonic()
        while not self._done.is_set():
            now = time.monotonic()
            self._late.note(now - due, now)
            if now - walked >= WALK_EVERY:
                self._tree.walk()
                walked = now
            with self._lock:
                seen = self._sample()
            if not self.killed:
                self.lines = self._lines_now()
                if self.lines:
                    self._act(self.lines, seen)
            due = max(due + self._pause(), time.monotonic())
            self._done.wait(due - time.monotonic())

    def _lines_now(self) -> Lines | None:
        """The lines as far as the sampler comes in time, and the tree grows no faster than was thought."""
        if self._limit_bytes is None:
            return None
        now = time.monotonic()
        return lines_under(
            self._limit_bytes,
            soft_bytes=self._soft_bytes,
            growth=self._growth,
            seen_growth=self._grown.at(now),
            late=self._late.at(now),
        )

    def _pause(self) -> float:
        """The interval, shorter where the tree could otherwise grow through the margin before the next look."""
        if self.lines is None or self.killed:
            return INTERVAL
        growth = max(self._growth, self._grown.at(time.monotonic()))
        return min(INTERVAL, max(SHORTEST, (self.lines.kill_bytes - self.current_bytes) / growth))

    def _sample(self) -> int:
        total, highest = self._tree.bytes_now()
        now = time.monotonic()
        if self._last is not None and now - self._last > GAP * INTERVAL:
            # A pause hides no peak where the kernel kept the mark of a lone process that was not swapped: the mark of
            # this step, or one that rose meanwhile.
            has_mark = self._mark_is_ours or highest > self._root_highest
            covered = has_mark and self._tree.is_root_alone and 0 < total <= highest
            self._gaps += not covered
            if len(self._pauses) < PAUSES:
                self._pauses.append((round(now - self._start, 3), round(now - self._last, 3), int(not covered)))
            self._note(f"no sample for {now - self._last:.2f} s" + (", the kernel's mark covers it" if covered else ""))
        if self._last is not None and self._samples:
            self._grown.note((total - self.current_bytes) / max(now - self._last, SHORTEST), now)
        self._last = now
        # The kernel's high-water mark shows a peak between two samples; it belongs to this step if it has just risen.
        seen = max(total, highest) if highest > self._root_highest else total
        self._root_highest = max(self._root_highest, highest)
        self._samples += 1
        self._peak = max(self._peak, seen)
        self._crossed |= self.lines is not None and seen > self.lines.limit_bytes
        self._timeline.add(now - self._start, total)
        self.current_bytes = total
        return total

    def _act(self, lines: Lines, seen: int) -> None:
        if seen >= lines.kill_bytes:
            self.killed = True
            with self._lock:  # before the end: whoever waits for the child asks for this as soon as it is gone
                self._crossed = True
                self._note(f"kill line: {seen} bytes seen, {lines.kill_bytes} allowed; the process tree was ended")
            if not self._tree.kill():
                with self._lock:
                    self._note("some processes of the tree could not be ended")
        elif seen >= lines.soft_bytes and time.monotonic() - self._soft_at >= SOFT_AGAIN:
            self._soft_at = time.monotonic()
            with self._lock:
                self._note(f"soft line: {seen} bytes seen, {lines.soft_bytes} set")
            self._ask(seen)

    def _ask(self, seen: int) -> None:
        if self._on_soft is None:
            return
        try:
            self._on_soft(seen)
        except Exception as error:  # whatever the caller's code does, the line must still be held
            with self._lock:
                self._note(f"the soft line's signal failed: {type(error).__name__}: {error}")

    def _note(self, text: str) -> None:
        if len(self._events) < EVENTS:
            self._events.append(f"{time.monotonic() - self._start:.2f} s: {text}")


def _come_first() -> None:
    """Let this thread run before what it watches where the system allows it: a starved guard is no guard."""
    if sys.platform == "linux":  # there, and only there, a thread has a priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PRIORITY)
