"""`kill -9` at every commit of a real run: the store stays sound, and the next run comes to the same end."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from runner.errors import ExitCode
from runner.store import ssot
from runner.store.artifacts import Artifacts
from tests.failpoints.sitecustomize import FAILPOINTS
from tests.run import mini

pytestmark = [pytest.mark.mlx, pytest.mark.slow]

# What has to be done again, so that the failpoint is reached soon.
UNDONE = {
    "evidence": ("ssot/records", "ssot/evidence"),
    "record": ("ssot/records", "ssot/evidence"),
    "manifest": ("artifacts/score/summary/after",),
    "outputs": ("artifacts/score/summary/after",),
    "lock": ("specs/mini.lock",),
    "report": ("artifacts/mini",),
    "checkpoint": ("artifacts/tune",),
}


def killed(root: Path, name: str, *arguments: str) -> int:
    """`lorarun apply` with a failpoint; its return code."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(mini.ROOT / "tests/failpoints"), str(mini.ROOT)]),
        "OPENBLAS_NUM_THREADS": "1",
        "LORARUN_FAILPOINT": name,
    }
    process = mini.start(root, "apply", mini.SPEC_PATH, *arguments, env=environment)
    process.communicate(timeout=300)
    return process.returncode


def undo(root: Path, places: tuple[str, ...]) -> None:
    for place in places:
        path = root / place
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if place.startswith("ssot"):
            path.mkdir()


# Neighbours of others that show the same: only `make stress` asks them.
MORE = {"evidence.unwritten", "evidence.linked", "record.unwritten", "manifest.unwritten", "outputs.unsynced"}
MORE |= {"checkpoint.first"}
NAMES = [pytest.param(n, marks=pytest.mark.stress) if n in MORE else n for n in sorted(FAILPOINTS)]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_killed_at_a_commit_loses_nothing(finished: Path, name: str) -> None:
    adapter, records = mini.adapter(finished), len(ssot.records(finished))
    if name == "outputs.aside":
        code = killed(finished, name, "--force", "score/summary/after")
    else:
        undo(finished, UNDONE[name.partition(".")[0]])
        code = killed(finished, name)
    # A worker that is killed ends its step; the run itself is on record then, and so is the one that comes after it.
    by_worker = name.startswith("checkpoint")
    assert code == (ExitCode.STEP_FAILED if by_worker else -signal.SIGKILL)
    assert ssot.scan(finished).problems == ()
    assert ssot.evidence_problems(finished, ssot.scan(finished).stored) == ()
    assert Artifacts(finished).broken == {}
    done = mini.lorarun(finished, "apply", mini.SPEC_PATH)
    assert done.returncode in (ExitCode.SUCCESS, ExitCode.GATE_FAIL), done.stderr
    assert mini.adapter(finished) == adapter
    assert len(ssot.records(finished)) == records + 2 * by_worker
    assert (finished / "artifacts/mini/report.html").exists()
    assert (finished / "specs/mini.lock").exists()
