"""`make stress`: many randomly oversized children, none of which may ever cross its limit."""

import os
import random
import signal

import pytest

from runner.memory.guard import Guard
from tests.memory.children import MB, child, go, heard
from tests.memory.test_guard import until

STEPS = int(os.environ.get("LORARUN_STRESS_STEPS", "1000"))


@pytest.mark.stress
def test_no_oversized_step_ever_crosses_its_limit():
    rng = random.Random(19)
    over = []
    for step in range(STEPS):
        limit = rng.randint(150, 600) * MB
        piece = rng.choice([1, 2, 4, 8])
        pause = rng.choice([0.0, 0.0, 0.001, 0.01])
        program = f'say("ready"); wait()\nwhile True: take({piece}); time.sleep({pause})'
        with child(program) as process:
            heard(process)
            with Guard(process.pid, limit_bytes=limit) as guard:
                go(process)
                until(lambda guard=guard: guard.killed, seconds=120)
                _, _, usage = os.wait4(process.pid, 0)
                process.returncode = -signal.SIGKILL
        if usage.ru_maxrss * 1024 >= limit:
            over.append((step, limit, usage.ru_maxrss * 1024))
    assert not over, over
