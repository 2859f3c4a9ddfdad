"""Disks that a crash can leave after each writer's real operations: none torn, none that lost a confirmed file."""

import shutil
from pathlib import Path

from runner import files
from runner.store import ssot
from tests.faults import Recorder, observing
from tests.files.crash_states import crash_states
from tests.store.test_ssot import campaign

OLD, NEW = b"old-record", b"new-record!"


def outcomes(operations, path: Path, before: dict[Path, bytes]) -> tuple[int, int, int]:
    """How many states there are, how many hold a torn file, and how many lost a confirmed one."""
    total = torn = lost = 0
    for confirmed, state in crash_states(operations, before):
        total += 1
        torn += path in state and state[path] not in (OLD, NEW)
        lost += (confirmed and state.get(path) != NEW) or (bool(before) and path not in state)
    return total, torn, lost


def recorded(act) -> list:
    recorder = Recorder()
    with observing(recorder):
        act()
    return recorder.operations


def test_replacing_a_file_tears_and_loses_nothing(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(OLD)
    total, torn, lost = outcomes(recorded(lambda: files.write_bytes(path, NEW)), path, {path: OLD})
    assert (torn, lost) == (0, 0)
    assert total >= 8


def test_adding_a_file_tears_and_loses_nothing(tmp_path):
    path = tmp_path / "f"
    total, torn, lost = outcomes(recorded(lambda: files.add_bytes(path, NEW)), path, {})
    assert (torn, lost) == (0, 0)
    assert total >= 8


def test_the_enumeration_finds_what_is_wrong_with_lesser_protocols():
    """Without an fsync of the file it tears, without an fsync of the folder it forgets, in place it does both."""
    path, temporary = Path("/d/f"), Path("/d/t")
    whole = [
        ("create", temporary, None),
        ("write", temporary, NEW),
        ("fsync", temporary, None),
        ("rename", temporary, path),
        ("fsync-folder", path.parent, None),
    ]
    assert outcomes(whole, path, {path: OLD})[1:] == (0, 0)
    no_fsync = [o for o in whole if o[0] != "fsync"]
    assert outcomes(no_fsync, path, {path: OLD})[1] > 0
    no_folder = [o for o in whole if o[0] != "fsync-folder"]
    assert outcomes(no_folder, path, {path: OLD})[2] > 0
    in_place = [("create", path, None), ("write", path, NEW), ("fsync", path, None)]
    assert outcomes(in_place, path, {path: OLD})[1] > 0


def test_no_crash_leaves_a_store_that_does_not_verify(tmp_path):
    """Every state of an append is laid out on a disk and read: the old record is there, the new one whole or absent."""
    root = tmp_path / "real"
    ssot.append(root, *campaign("base"))
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    operations = recorded(lambda: ssot.append(root, *campaign("next", "부산")))
    count = 0
    for confirmed, state in crash_states(operations, before):
        count += 1
        shutil.rmtree(root)
        for path, data in state.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        stored = ssot.records(root)
        assert [s.record.run_id for s in stored] in ([["base", "next"]] if confirmed else [["base"], ["base", "next"]])
        assert ssot.evidence_problems(root, stored) == ()
    assert count >= 12


def test_a_new_folder_is_durable_in_its_parent_before_anything_in_it_is_confirmed(tmp_path):
    operations = recorded(lambda: files.add_bytes(tmp_path / "a" / "b" / "f", NEW))
    made = [i for i, o in enumerate(operations) if o[0] == "mkdir"]
    assert [operations[i][1].name for i in made] == ["a", "b"]
    for i in made:
        assert operations[i + 1] == ("fsync-folder", operations[i][1].parent, None)
