import os
import sys
import threading
import time

import pytest

from runner.memory import tree
from runner.memory.guard import Guard
from tests.memory.children import MB, child, go, heard

footprint_of = tree.system.footprint_of
# A Mac has no way to let the mark of another process begin anew.
mark_begins_anew = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone resets a process's high-water mark")

GROWING = """
say("ready"); wait()
while True:
    take(2); time.sleep(0.02)
"""


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def alive(pid):
    found = footprint_of(pid)
    return found is not None and found.now_bytes > 0


def test_the_peak_of_a_child_is_seen_from_outside():
    with child('say("ready"); wait(); take(120); say("held"); wait()') as process:
        heard(process)
        with Guard(process.pid) as guard:
            go(process)
            heard(process)
            use = guard.stop()
    assert 120 * MB < use.peak_bytes < 160 * MB
    assert use.samples >= 1
    assert (use.limit_bytes, use.crossed) == (None, False)


def test_each_step_has_its_own_peak():
    with (
        child('wait(); take(120); say("high"); wait(); held.clear(); say("low"); wait()') as process,
        Guard(process.pid) as guard,
    ):
        go(process)
        heard(process)
        first = guard.reset()
        go(process)
        heard(process)
        guard.reset()  # what was held while the memory was given back belongs to the step before
        third = guard.stop()
    assert first.peak_bytes > 120 * MB
    assert third.peak_bytes < 60 * MB


@mark_begins_anew
def test_a_smaller_peak_between_two_samples_of_a_later_step_is_seen_too():
    program = 'wait(); take(120); held.clear(); say("high"); wait(); take(40); held.clear(); say("gone"); wait()'
    with child(program) as process, Guard(process.pid) as guard:
        go(process)
        heard(process)
        assert guard.reset().peak_bytes > 120 * MB
        go(process)
        heard(process)
        assert 40 * MB < guard.stop().peak_bytes < 100 * MB


def test_a_peak_between_two_samples_is_seen_in_the_kernels_mark():
    with child('say("ready"); wait(); take(40); held.clear(); say("gone"); wait()') as process:
        heard(process)
        with Guard(process.pid) as guard:
            go(process)
            heard(process)
            assert guard.stop().peak_bytes > 40 * MB  # it lasts a tenth of the sampler's interval


def test_an_oversized_child_is_ended_below_its_limit():
    limit = 240 * MB
    seen, marks = [], []  # what an independent sampler saw, and the kernel's high-water mark beside it
    with child(GROWING) as process:
        heard(process)

        def sample():
            while alive(process.pid):
                found = footprint_of(process.pid)
                seen.append(found.now_bytes if found else 0)
                marks.append(found.highest_bytes if found else 0)
                time.sleep(0.001)

        independent = threading.Thread(target=sample)
        independent.start()
        with Guard(process.pid, limit_bytes=limit) as guard:
            go(process)
            until(lambda: guard.killed)
            process.wait()
            use = guard.stop()
        independent.join()
    assert use.crossed
    assert "kill line" in " ".join(use.events)
    assert 170 * MB < max(marks) < limit
    assert max(seen) < limit


def test_children_of_the_child_count_and_end_with_it():
    program = """
code = "import sys; held = b'x' * 60_000_000; print('held', flush=True); sys.stdin.readline()"
pipe = subprocess.PIPE
others = [subprocess.Popen([sys.executable, "-S", "-c", code], stdin=pipe, stdout=pipe) for _ in range(3)]
for other in others: other.stdout.readline()
say(" ".join(str(o.pid) for o in others)); wait()
"""
    with child(program) as process, Guard(process.pid, limit_bytes=150 * MB) as guard:
        pids = [int(p) for p in heard(process).split()]
        until(lambda: guard.killed)
        until(lambda: not any(alive(pid) for pid in [process.pid, *pids]))
        assert guard.stop().peak_bytes > 150 * MB * 0.75


def test_children_that_ignore_signals_and_orphans_end_too():
    program = """
for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)
middle = subprocess.Popen([sys.executable, "-S", "-c", "import subprocess, sys; print(subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL).pid, flush=True)"], stdout=subprocess.PIPE, text=True)
orphan = middle.stdout.readline().strip(); middle.wait()
say(orphan); wait()
take(200); wait()
"""  # noqa: E501
    with child(program) as process, Guard(process.pid, limit_bytes=150 * MB) as guard:
        orphan = int(heard(process))
        assert alive(orphan)
        go(process)
        until(lambda: guard.killed)
        until(lambda: not alive(process.pid) and not alive(orphan))


def test_the_soft_line_asks_and_lets_the_child_live():
    asked = []
    with (
        child('wait(); take(150); say("held"); wait(); say("lives")') as process,
        Guard(process.pid, limit_bytes=400 * MB, soft_bytes=120 * MB, on_soft=asked.append) as guard,
    ):
        go(process)
        heard(process)
        until(lambda: asked)
        go(process)
        assert heard(process) == "lives"
        use = guard.stop()
    assert asked[0] >= 120 * MB
    assert not guard.killed
    assert not use.crossed
    assert "soft line" in use.events[0]


def test_a_failing_callback_does_not_drop_the_line():
    def broken(_):
        raise OSError("no such process")

    with (
        child('wait(); take(60); say("held"); wait()\nwhile True: take(2)') as process,
        Guard(process.pid, limit_bytes=240 * MB, soft_bytes=40 * MB, on_soft=broken) as guard,
    ):
        go(process)
        heard(process)
        until(lambda: any("signal failed" in e for e in guard.reset().events))
        go(process)
        until(lambda: guard.killed)
        assert guard.stop().crossed


def starved(program: str, *, alone: bool, later: bool = False):
    """What a guard saw that was held up for several intervals by its own soft line's signal, in a later step or not."""
    slow = threading.Event()

    def hold(_):
        time.sleep(0.45)
        slow.set()

    with child(program) as process:
        if later:
            heard(process)
        with Guard(process.pid, limit_bytes=400 * MB, soft_bytes=40 * MB, on_soft=hold) as guard:
            until(lambda: guard._tree.is_root_alone == alone)
            if later:
                guard.reset()
            go(process)
            heard(process)
            assert slow.wait(20)
            return guard.stop()


def test_a_starved_sampler_is_counted():
    start = 'subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]);'
    use = starved(start + 'wait(); take(60); say("held"); wait()', alone=False)
    assert use.gaps >= 1
    assert any("no sample for" in event for event in use.events)


def test_a_pause_is_harmless_where_the_kernel_kept_the_mark_of_a_lone_process():
    use = starved('wait(); take(60); say("held"); wait()', alone=True)
    assert use.gaps == 0
    assert any("the kernel's mark covers it" in event for event in use.events)
    assert use.peak_bytes >= 60 * MB


@pytest.mark.parametrize("forgets", [pytest.param(True, marks=mark_begins_anew), False])
def test_in_a_later_step_a_pause_is_harmless_only_where_the_mark_is_of_that_step(monkeypatch, forgets):
    if not forgets:
        monkeypatch.setattr(tree.system, "forget_highest", lambda _: False)
    program = 'take(120); held.clear(); say("high"); wait(); take(60); say("held"); wait()'
    use = starved(program, alone=True, later=True)
    assert (use.gaps == 0) == forgets
    assert 60 * MB < use.peak_bytes < 110 * MB


def test_a_child_that_ends_by_itself_leaves_its_peak_behind():
    with (
        child("take(100)") as process,
        Guard(process.pid, limit_bytes=400 * MB) as guard,
    ):
        process.wait()
        use = guard.stop()
        assert guard.stop() == use
    assert not use.crossed
    assert not guard.killed


def test_a_process_that_is_gone_is_nothing_to_watch():
    with child("pass") as process:
        process.wait()
        use = Guard(process.pid, limit_bytes=100 * MB).stop()
    assert use.peak_bytes == 0


@pytest.mark.parametrize("bad", [{"limit_bytes": 0}, {"limit_bytes": -1}, {"limit_bytes": 5, "soft_bytes": 0}])
def test_lines_that_can_not_be_are_refused(bad):
    with pytest.raises(ValueError, match="positive"):
        Guard(os.getpid(), **bad)


def test_a_child_that_was_safe_is_ended_when_the_sampler_comes_late():
    with child('take(100); say("held"); wait()') as process:
        heard(process)
        held = footprint_of(process.pid).now_bytes
        limit = int(held / 0.7)  # under the kill line at 0.75 of it, over the one at 0.6
        with Guard(process.pid, limit_bytes=limit) as guard:
            until(lambda: guard.current_bytes >= held)
            calm = guard.lines.kill_bytes
            assert not guard.killed or guard._late.at(time.monotonic()) > 0.05  # a busy machine may have been late
            guard._late.note(5.0, time.monotonic())
            until(lambda: guard.killed)
            assert guard.lines.kill_bytes < calm
            assert any("kill line" in event for event in guard.stop().events)
