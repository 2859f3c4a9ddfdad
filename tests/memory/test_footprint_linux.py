import os
import sys

import psutil
import pytest

from runner.memory.footprint_linux import children_of, footprint_of, forget_highest, identify, session_of
from tests.memory.children import MB, child, go, heard

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_footprint_is_what_the_kernel_says():
    process = psutil.Process()
    assert footprint_of(os.getpid()).now_bytes == pytest.approx(process.memory_info().rss, rel=0.05)


def test_the_highest_mark_stays_when_memory_is_given_back():
    with child('take(100); held.clear(); say("done"); wait()') as process:
        heard(process)
        found = footprint_of(process.pid)
    assert found.now_bytes < 60 * MB
    assert found.highest_bytes > 100 * MB


def test_the_highest_mark_begins_anew_when_it_is_told_to():
    with child('take(100); held.clear(); say("done"); wait(); take(20); held.clear(); say("done"); wait()') as process:
        heard(process)
        assert forget_highest(process.pid)
        before = footprint_of(process.pid)
        go(process)
        heard(process)
        after = footprint_of(process.pid)
    assert before.highest_bytes < 60 * MB
    assert before.highest_bytes + 18 * MB < after.highest_bytes < 80 * MB


def test_the_mark_of_a_process_that_is_gone_is_left_alone():
    with child("pass") as process:
        process.wait()
        assert not forget_highest(process.pid)


def test_a_process_that_has_ended_is_charged_nothing_and_is_no_process():
    with child("pass") as process:
        while identify(process.pid):
            pass
        assert footprint_of(process.pid).now_bytes == 0  # a zombie until it is waited for
        process.wait()
        assert footprint_of(process.pid) is None


def test_children_and_sessions_are_found():
    with child('other = subprocess.Popen(["sleep", "60"]); say(other.pid); wait(); other.kill()') as process:
        other = int(heard(process))
        assert children_of(process.pid) == (other,)
        assert set(session_of(process.pid)) == {process.pid, other}
        go(process)
        process.wait()
