"""`runner/run/deadline.py`: a silent process is asked to stop when time is up, and ended if it does not."""

import os
import signal
import subprocess
from dataclasses import dataclass

from runner.run.deadline import Deadline

LONG = 60  # seconds, within which a loaded machine does it as well


@dataclass
class Silent:
    """A process that says nothing, as a worker is stopped and ended."""

    process: subprocess.Popen[bytes]

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)


def silent(command: str) -> Silent:
    process = subprocess.Popen(["sh", "-c", command], start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
    return Silent(process)


def test_a_silent_process_is_asked_to_stop():
    one = silent("echo ready; exec sleep 300")
    with Deadline(one, 0.05, grace=LONG):
        assert one.process.wait(LONG) == -signal.SIGTERM


def test_one_that_does_not_stop_is_ended():
    one = silent("trap '' TERM; echo ready; while :; do sleep 1; done")
    with Deadline(one, 0.05, grace=0.05):
        assert one.process.wait(LONG) == -signal.SIGKILL


def test_one_that_is_done_in_time_is_left_alone():
    one = silent("echo ready; exec sleep 300")
    for seconds in (None, LONG, 1e15):
        with Deadline(one, seconds):
            pass
    assert one.process.poll() is None
    one.kill()
    one.process.wait()


def test_time_that_was_up_before_the_start_is_up_at_once():
    one = silent("echo ready; exec sleep 300")
    with Deadline(one, -5.0, grace=LONG):
        assert one.process.wait(LONG) == -signal.SIGTERM
