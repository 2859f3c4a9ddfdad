"""Real child processes for the memory tests, written as small Python programs."""

import subprocess
import sys
from contextlib import contextmanager

MB = 10**6

# Prints a line when told, so that tests wait for events and not for the clock.
PRELUDE = """
import os, signal, subprocess, sys, time
held = []
def take(megabytes):
    held.append(b"x" * (megabytes * 10**6))
def say(text):
    print(text, flush=True)
def wait():
    sys.stdin.readline()
"""


@contextmanager
def child(program):
    """A child in a session of its own that runs `program`; ended, with its session, whatever the test does."""
    command = [sys.executable, "-S", "-c", PRELUDE + program]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, bufsize=1
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def go(process):
    """Let the child pass its next `wait()`."""
    process.stdin.write("\n")
    process.stdin.flush()


def heard(process):
    """The child's next line."""
    return process.stdout.readline().strip()
