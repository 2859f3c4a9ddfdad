"""Every writer with a fault at every one of its operations: nothing torn, nothing acknowledged lost, a retry heals."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runner import files
from runner.store import ssot
from tests.faults import Fault, acknowledged
from tests.store.test_ssot import campaign

MODES = ("ENOSPC", "EIO", "crash", "kill")


def every_fault(mode: str, attempt: Callable[[Fault], None]) -> int:
    """Run `attempt` with a fault at operation 1, 2, … until none fires; how many there were."""
    for at in range(1, 100):
        fault = Fault(at, mode)
        attempt(fault)
        if not fault.fired:
            return at - 1
    raise AssertionError("it never ends")


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if not files.is_temporary(p)} if folder.exists() else set()


@pytest.mark.parametrize("mode", MODES)
def test_a_replaced_file_is_the_old_or_the_new_one(tmp_path, mode):
    def attempt(fault):
        path = tmp_path / str(fault.at) / "f"
        files.write_bytes(path, b"old")
        done = acknowledged(lambda: files.write_bytes(path, b"new"), fault)
        assert path.read_bytes() in ([b"new"] if done else [b"old", b"new"])
        assert names(path.parent) == {"f"}
        files.write_bytes(path, b"new")
        assert path.read_bytes() == b"new"

    assert every_fault(mode, attempt) >= 5


@pytest.mark.parametrize("mode", MODES)
def test_an_added_file_is_whole_or_not_there(tmp_path, mode):
    def attempt(fault):
        path = tmp_path / str(fault.at) / "deep" / "f"
        done = acknowledged(lambda: files.add_bytes(path, b"new"), fault)
        assert names(path.parent) in ([{"f"}] if done else [{"f"}, set()])
        if path.exists():
            assert path.read_bytes() == b"new"
        else:
            files.add_bytes(path, b"new")

    assert every_fault(mode, attempt) >= 8


@pytest.mark.parametrize("mode", ["ENOSPC", "EIO"])
def test_a_failed_write_leaves_no_file_behind_unless_removing_it_fails_too(tmp_path, mode):
    def attempt(fault):
        path = tmp_path / str(fault.at) / "f"
        acknowledged(lambda: files.write_bytes(path, b"new"), fault)
        assert not path.parent.exists() or {p.name for p in path.parent.iterdir()} <= {"f"}

    every_fault(mode, attempt)


@pytest.mark.parametrize("mode", MODES)
def test_a_committed_folder_is_whole_or_not_there(tmp_path, mode):
    def attempt(fault):
        work, final = tmp_path / f"{fault.at}.work", tmp_path / f"{fault.at}" / "step" / "key"
        (work / "sub").mkdir(parents=True)
        (work / "sub" / "a").write_bytes(b"a")
        (work / "b").write_bytes(b"b")
        done = acknowledged(lambda: files.commit_folder(work, final), fault)
        assert final.exists() or not done
        assert final.exists() != work.exists()
        if not final.exists():
            files.commit_folder(work, final)
        assert (final / "sub" / "a").read_bytes() + (final / "b").read_bytes() == b"ab"

    assert every_fault(mode, attempt) >= 8


@pytest.mark.parametrize("mode", MODES)
def test_an_appended_record_is_whole_or_not_there_and_the_others_stay(tmp_path, mode):
    """Old records survive, an acknowledged one is there, the store verifies, and appending again heals."""

    def attempt(fault):
        root = tmp_path / str(fault.at)
        ssot.append(root, *campaign("base"))
        done = acknowledged(lambda: ssot.append(root, *campaign("next", "부산")), fault)
        runs = [s.record.run_id for s in ssot.records(root)]
        assert runs in ([["base", "next"]] if done else [["base"], ["base", "next"]])
        assert ssot.evidence_problems(root, ssot.records(root)) == ()
        ssot.append(root, *campaign("next", "부산"))
        assert [s.record.run_id for s in ssot.records(root)] == ["base", "next"]
        assert ssot.evidence_problems(root, ssot.records(root)) == ()

    assert every_fault(mode, attempt) >= 10
