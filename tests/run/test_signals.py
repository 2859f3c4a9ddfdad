"""Signals, kills and closed pipes in the middle of a real run: the exit code, and that going on loses nothing."""

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from runner.errors import ExitCode
from tests.run import mini

pytestmark = [pytest.mark.mlx, pytest.mark.slow]


def wait_for(process: subprocess.Popen[str], event: str, step: str = "tune/llama-lora") -> None:
    """Read the stream of events until `step` said `event`."""
    assert process.stdout is not None
    for line in process.stdout:
        found = json.loads(line)
        if found.get("step") == step and event in (found["event"], found.get("what")):
            return
    raise AssertionError(f"no {event} of {step}: {process.communicate()[1]}")


def longer(root: Path) -> None:
    """Enough updates that a signal comes in the middle of them."""
    mini.edit(root, "epochs: 2", "epochs: 12")


def interrupted(root: Path, number: int) -> tuple[int, str]:
    """Send a signal in the middle of the tuning; the exit code and what was said."""
    process = mini.start(root, "apply", mini.SPEC_PATH, "--format", "json")
    wait_for(process, "update")
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def test_ctrl_c_saves_the_state_and_going_on_gives_the_same_adapter(fresh: Path, tmp_path: Path) -> None:
    longer(fresh)
    code, err = interrupted(fresh, signal.SIGINT)
    assert code == ExitCode.SIGINT
    assert f"lorarun apply {mini.SPEC_PATH}" in err
    assert re.search(r"interrupted in tune/llama-lora: stopped at .+ of .+; saved", err)
    assert json.loads(mini.lorarun(fresh, "status", "--format", "json").stdout)["state"] in ("interrupted", "stopped")
    mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    assert "tune/llama-lora" in mini.ran(fresh)
    [manifest] = (fresh / "artifacts/tune/llama-lora").glob("*/manifest.json")
    assert json.loads(manifest.read_text())["measures"]["resumed_from_update"] > 0
    whole = mini.make(tmp_path / "whole")
    longer(whole)
    mini.lorarun(whole, "apply", mini.SPEC_PATH)
    assert mini.adapter(fresh) == mini.adapter(whole)


def test_sigterm_ends_with_its_own_code(fresh: Path) -> None:
    longer(fresh)
    code, err = interrupted(fresh, signal.SIGTERM)
    assert code == ExitCode.SIGTERM
    assert "goes on where this stopped" in err


def test_ctrl_c_twice_ends_at_once(fresh: Path) -> None:
    longer(fresh)
    process = mini.start(fresh, "apply", mini.SPEC_PATH, "--format", "json")
    wait_for(process, "ready", "lengths/llama-lora")  # importing: a single Ctrl-C would wait for its end
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == ExitCode.SIGINT


def test_a_closed_output_ends_with_141_and_leaves_no_worker(fresh: Path) -> None:
    longer(fresh)
    process = mini.start(fresh, "apply", mini.SPEC_PATH, "--format", "json")
    wait_for(process, "update")
    assert workers_of(fresh) != []
    assert process.stdout is not None
    process.stdout.close()
    process.wait(timeout=300)
    assert process.stderr is not None
    process.stderr.close()
    assert process.returncode == ExitCode.BROKEN_PIPE
    assert workers_of(fresh) == []


def workers_of(root: Path) -> list[int]:
    """Worker processes whose working folder is this project."""
    found = []
    for process in psutil.process_iter():
        try:
            if "runner.run.worker" in process.cmdline() and Path(process.cwd()).samefile(root):
                found.append(process.pid)
        except (psutil.Error, OSError):  # it has ended, or is another user's
            continue
    return found


def test_a_killed_run_frees_the_lock_leaves_no_worker_and_goes_on(fresh: Path) -> None:
    longer(fresh)
    process = mini.start(fresh, "apply", mini.SPEC_PATH, "--format", "json")
    wait_for(process, "update")
    process.kill()
    process.communicate()
    assert json.loads(mini.lorarun(fresh, "status", "--format", "json").stdout)["state"] == "interrupted"
    deadline = time.monotonic() + 60
    while workers_of(fresh) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert workers_of(fresh) == []
    done = mini.lorarun(fresh, "apply", mini.SPEC_PATH)
    assert done.returncode in (ExitCode.SUCCESS, ExitCode.GATE_FAIL), done.stderr
    assert mini.lorarun(fresh, "ssot", "verify").returncode == ExitCode.SUCCESS


@pytest.mark.stress
def test_kills_at_random_moments_lose_nothing_and_change_nothing(finished_campaign: Path, tmp_path: Path) -> None:
    """Kill the whole group again and again until a run gets through: the same adapter, one record, a sound store."""
    dice = random.Random(int(os.environ.get("LORARUN_STRESS_SEED", "19")))
    for number in range(int(os.environ.get("LORARUN_STRESS_ROUNDS", "10"))):
        root = mini.make(tmp_path / str(number))
        for _ in range(100):
            process = mini.start(root, "apply", mini.SPEC_PATH, start_new_session=True)
            try:
                process.communicate(timeout=dice.uniform(0.1, 15))
                break
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            assert mini.lorarun(root, "ssot", "verify").returncode == ExitCode.SUCCESS
        assert process.returncode in (ExitCode.SUCCESS, ExitCode.GATE_FAIL)
        assert mini.adapter(root) == mini.adapter(finished_campaign)
        assert len(list((root / "ssot/records").glob("*.json"))) == 1
