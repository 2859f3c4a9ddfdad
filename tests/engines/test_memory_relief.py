"""What happens between two micro-batches when memory runs short, and which of MLX's limits stay as they were set."""

import mlx.core as mx
import pytest

from runner.engines.backend import CACHE_LIMIT_BYTES


def test_when_memory_runs_short_the_state_is_saved_the_cache_freed_and_the_result_is_the_same(
    llama, text_samples, tune, tmp_path
):
    events, rows = [], text_samples(8)
    train = {"batch_size": 4, "max_updates": 4, "save_every": 100}
    whole = tune(llama, rows, out="whole", micro_batch=2, train=train)
    calls = iter(range(-len(rows), 100))  # asked for each row that is read, too

    def note(event):
        if event["event"] == "gave_back":
            events.append(event | {"kept": (tmp_path / "short.checkpoint/checkpoint.json").exists()})

    short = tune(
        llama, rows, out="short", micro_batch=2, train=train, on_event=note, should_shrink=lambda: next(calls) in (3, 5)
    )
    assert [(e["saved"], e["kept"]) for e in events] == [(True, True), (False, True)]
    assert events[0]["cache_bytes"] > 0
    assert short.adapter_digest == whole.adapter_digest


def test_mlxs_memory_limit_does_not_raise_so_nothing_may_rely_on_it():
    before = mx.set_memory_limit(1)
    try:
        made = mx.zeros((1000, 1000)) + 1
        mx.eval(made)
    finally:
        mx.set_memory_limit(before)
    assert made.nbytes == 4_000_000


@pytest.mark.parametrize("phase", ["tune", "generate"])
def test_the_cache_limit_stays_in_force_and_the_wired_limit_is_never_touched(
    llama, text_samples, tune, generate, monkeypatch, phase
):
    def touched(*_):
        raise AssertionError("the wired limit was set")

    monkeypatch.setattr(mx, "set_wired_limit", touched)
    tune(llama, text_samples(4)) if phase == "tune" else generate(llama, text_samples(4))
    now = mx.set_cache_limit(CACHE_LIMIT_BYTES)
    assert now == CACHE_LIMIT_BYTES
