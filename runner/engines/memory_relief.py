"""What loop and decoder give back when the guard says that memory is short: all that is kept for speed alone."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import mlx.core as mx

from runner.engines.protocol import OnEvent, ShouldShrink

SAVE_AGAIN = 60.0  # seconds; the guard asks every second while memory stays above its soft line


def give_back() -> int:
    """Free MLX's cached buffers; how many bytes that were."""
    gc.collect()
    held = mx.get_cache_memory()
    mx.clear_cache()
    return int(held)


class Relief:
    """Asked between micro-batches: where memory is short, saves the state and gives the cache back.

    Changes no result. A state is saved at most once a minute: the kill line may come at any time, and little is lost.
    """

    def __init__(self, asked: ShouldShrink, save: Callable[[], None], on_event: OnEvent) -> None:
        self._asked, self._save, self._on_event = asked, save, on_event
        self._saved: float | None = None

    def __call__(self, done: int, total: int) -> None:
        if not self._asked():
            return
        saves = self._save_now_and_then()
        event = {"event": "gave_back", "done": done, "total": total}
        self._on_event(event | {"cache_bytes": give_back(), "saved": saves})

    def asked(self) -> bool:
        """For what gives back by itself in the middle of this: whether it was asked to. The state is saved here."""
        is_asked = self._asked()
        if is_asked:
            self._save_now_and_then()
        return is_asked

    def _save_now_and_then(self) -> bool:
        now = time.monotonic()
        saves = self._saved is None or now - self._saved >= SAVE_AGAIN
        if saves:
            self._save()
            self._saved = now
        return saves
