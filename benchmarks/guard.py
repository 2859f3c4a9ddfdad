"""What the memory guard costs: its share of one core while it watches a worker-sized process tree from outside.

Run `python benchmarks/guard.py`; it ends with 1 where the guard takes 1 % of a core or more.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner.memory.guard import Guard

BOUND = 0.01  # of a core
CHILD = """
import subprocess, sys
held = b"x" * 300_000_000
other = subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
print("ready", flush=True)
sys.stdin.read()
other.stdin.close()
other.wait()
"""


def cost(seconds: float) -> tuple[float, int]:
    """(CPU seconds a second, samples) of a guard over a child with a child of its own, far below its limit."""
    command = [sys.executable, "-S", "-c", CHILD]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    child.stdout.readline()
    before, began = time.process_time(), time.monotonic()
    with Guard(child.pid, limit_bytes=20 * 10**9) as guard:
        time.sleep(seconds)
        use = guard.stop()
    spent, passed = time.process_time() - before, time.monotonic() - began
    child.communicate()
    return spent / passed, use.samples


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    share, samples = cost(options.seconds)
    print(
        f"memory guard: {share:.2%} of a core, {samples} samples in {options.seconds:.0f} s (asked: under {BOUND:.0%})"
    )
    return 0 if share < BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
