"""Tests of runner.run.project_lock, with real processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runner.errors import IntegrityError, LockedError
from runner.run.project_lock import is_held, project_lock

HOLD = """
import sys, time
from pathlib import Path
from runner.run.project_lock import project_lock
with project_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_run_is_refused_at_once_and_told_who_holds_the_project(tmp_path: Path, holder) -> None:
    with pytest.raises(LockedError, match=rf"process {holder.pid} on"), project_lock(tmp_path):
        pass


def test_the_lock_is_free_when_its_holder_was_killed(tmp_path: Path, holder) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with project_lock(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_waiting_ends_when_the_holder_ends(tmp_path: Path, holder) -> None:
    holder.terminate()
    with project_lock(tmp_path, timeout_seconds=30):
        pass


def test_the_lock_file_stays_and_holds_no_old_note(tmp_path: Path) -> None:
    with project_lock(tmp_path):
        pass
    assert (tmp_path / "artifacts" / ".lock").read_bytes() == b""


def test_an_unreadable_note_does_not_hide_that_the_project_is_held(tmp_path: Path, holder) -> None:
    (tmp_path / "artifacts" / ".lock").write_bytes(b"\xff not json")
    with pytest.raises(LockedError, match=r"another run holds this project\n"), project_lock(tmp_path):
        pass


def test_removing_the_lock_file_lets_nobody_else_in(tmp_path: Path, holder) -> None:
    (tmp_path / "artifacts" / ".lock").unlink()
    with pytest.raises(LockedError), project_lock(tmp_path):
        pass


def test_a_lock_file_that_was_replaced_is_no_lock(tmp_path: Path) -> None:
    """Who opened it before it was replaced must not take it for the project's."""
    (tmp_path / "artifacts").mkdir()
    path, real = tmp_path / "artifacts" / ".lock", os.open
    opened: list[int] = []

    def replaced_meanwhile(name, *arguments, **options):
        descriptor = real(name, *arguments, **options)
        if name == path:
            opened.append(os.fstat(descriptor).st_ino)
            if len(opened) == 1:
                path.rename(path.with_name("old"))
                path.touch()
        return descriptor

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", replaced_meanwhile)
        with project_lock(tmp_path):
            assert set(opened[1:]) == {path.stat().st_ino}
            assert is_held(tmp_path)


def test_a_child_that_outlives_its_parent_does_not_hold_the_lock(tmp_path: Path) -> None:
    """Programs that a run starts do not inherit the lock."""
    with project_lock(tmp_path):
        child = subprocess.Popen(["sleep", "60"])
    try:
        with project_lock(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_asking_whether_the_lock_is_held_keeps_nobody_out(tmp_path: Path) -> None:
    with project_lock(tmp_path):
        pass
    asking = "import sys\nfrom pathlib import Path\nfrom runner.run.project_lock import is_held\nprint(1, flush=True)\n"
    asking += "while True: is_held(Path(sys.argv[1]))"
    process = subprocess.Popen([sys.executable, "-c", asking, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(20):
            with project_lock(tmp_path, timeout_seconds=10):
                pass
    finally:
        process.kill()
        process.communicate()


def test_a_lock_that_is_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "target").write_text("kept")
    (tmp_path / "artifacts" / ".lock").symlink_to(tmp_path / "target")
    with pytest.raises(IntegrityError, match="symbolic"), project_lock(tmp_path):
        pass
    assert (tmp_path / "target").read_text() == "kept"


FORK = """
import os, sys, time
from pathlib import Path
from runner.run.project_lock import project_lock
with project_lock(Path(sys.argv[1])):
    if os.fork() == 0:
        print("child", flush=True)
        time.sleep(60)
        os._exit(0)
    time.sleep(60)
"""


def test_a_forked_child_that_outlives_the_killed_holder_does_not_hold_the_lock(tmp_path: Path) -> None:
    """It runs on with a copy of every open file, and a lock lives as long as any copy."""
    command = [sys.executable, "-c", FORK, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "child\n"
        assert is_held(tmp_path)
        try:
            process.kill()
            process.wait()
            os.killpg(process.pid, 0)  # the child is there
            with project_lock(tmp_path, timeout_seconds=10):
                pass
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_forked_child_that_ends_does_not_free_its_parents_lock(tmp_path: Path) -> None:
    with project_lock(tmp_path):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        assert is_held(tmp_path)
