"""CPU seconds of the commands that people and CI call most, against their budgets. Median of 7 fresh processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = 7
BUDGETS = {("--help",): 0.3, ("validate", "specs/ticket019.yaml"): 0.4}


def cpu_seconds(arguments: tuple[str, ...]) -> float:
    """User and system time of one `lorarun`, as the kernel counted it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runner.cli.main", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"lorarun {' '.join(arguments)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Print one line a command; 1 if one is over its budget."""
    over = False
    for arguments, budget in BUDGETS.items():
        cpu_seconds(arguments)  # the first run compiles bytecode
        seconds = statistics.median(cpu_seconds(arguments) for _ in range(RUNS))
        over |= seconds > budget
        verdict = "over" if seconds > budget else "within"
        print(f"lorarun {' '.join(arguments)}: {seconds:.3f} CPU s, {verdict} {budget} s")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
