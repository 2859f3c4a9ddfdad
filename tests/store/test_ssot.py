"""Records on disk: added, never changed; found again; damage named."""

import dataclasses
import shutil

import pytest

from runner.errors import IntegrityError, InvalidError
from runner.record.codec import id_of, to_json
from runner.record.evidence import collect, completion_row
from runner.samples.sample import Completion
from runner.store import ssot
from tests.record.test_codec import RECORD


def campaign(run_id: str, text: str = "서울", **fields):
    rows = [completion_row("e", "before", Completion("s1", text, 1))]
    changes = {"run_id": run_id, "evidence": collect(rows).digest, "parents": (), **fields}
    return dataclasses.replace(RECORD, **changes), rows


def tree(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_a_record_is_found_again_with_its_evidence(tmp_path):
    record, rows = campaign("r1")
    name = ssot.append(tmp_path, record, rows)
    assert ssot.records(tmp_path) == (ssot.Stored(name, record),)
    assert list(ssot.read_evidence(tmp_path, record)) == rows


def test_the_files_are_named_by_their_content(tmp_path):
    record, rows = campaign("r1")
    name = ssot.append(tmp_path, record, rows)
    assert sorted(tree(tmp_path)) == [
        f"ssot/evidence/{record.evidence.removeprefix('sha256:')}.jsonl.gz",
        f"ssot/records/{name}.json",
    ]
    assert id_of((tmp_path / f"ssot/records/{name}.json").read_bytes()) == name


def test_appending_the_same_run_again_adds_nothing(tmp_path):
    record, rows = campaign("r1")
    name = ssot.append(tmp_path, record, rows)
    before = tree(tmp_path)
    again = dataclasses.replace(record, created="2030-01-01T00:00:00Z")
    assert ssot.append(tmp_path, again, rows) == name
    assert tree(tmp_path) == before


def test_a_run_after_another_is_stored_again_and_so_is_one_of_a_renamed_spec(tmp_path):
    first = ssot.append(tmp_path, *campaign("r1"))
    ssot.append(tmp_path, *campaign("r2"))
    back = ssot.append(tmp_path, *campaign("r1"))
    renamed = ssot.append(tmp_path, *campaign("r1", spec_path="specs/새이름.yaml"))
    assert len({first, back, renamed}) == 3
    assert [s.record.run_id for s in ssot.records(tmp_path)] == ["r1", "r2", "r1", "r1"]
    assert ssot.records(tmp_path)[-1].id == renamed


def test_a_new_record_names_the_newest_as_parents(tmp_path):
    names = [ssot.append(tmp_path, *campaign(f"r{i}")) for i in range(3)]
    assert [s.record.parents for s in ssot.records(tmp_path)] == [(), (names[0],), (names[1],)]


def test_order_follows_parents_and_not_the_clock(tmp_path):
    for i, created in enumerate(("2026-03-01T00:00:00Z", "2026-01-01T00:00:00Z")):
        ssot.append(tmp_path, *campaign(f"r{i}", created=created))
    assert [s.record.run_id for s in ssot.records(tmp_path)] == ["r0", "r1"]


def test_of_two_branches_the_longer_one_is_not_the_newer_one(tmp_path):
    here, there = tmp_path / "a", tmp_path / "b"
    ssot.append(here, *campaign("r0", created="2026-01-01T00:00:00Z"))
    shutil.copytree(here, there)
    for i in (2, 3, 4):
        ssot.append(there, *campaign(f"r{i}", created=f"2026-01-0{i}T00:00:00Z"))
    ssot.append(here, *campaign("r9", created="2026-01-09T00:00:00Z"))
    shutil.copytree(there, here, dirs_exist_ok=True)
    assert [s.record.run_id for s in ssot.records(here)] == ["r0", "r2", "r3", "r4", "r9"]


def test_two_branches_merge_by_putting_their_files_together(tmp_path):
    here, there = tmp_path / "a", tmp_path / "b"
    ssot.append(here, *campaign("base"))
    shutil.copytree(here, there)
    left, right = ssot.append(here, *campaign("left")), ssot.append(there, *campaign("right", "부산"))
    shutil.copytree(there, here, dirs_exist_ok=True)
    assert ssot.heads(ssot.records(here)) == tuple(sorted((left, right)))
    ssot.append(here, *campaign("joined"))
    assert ssot.records(here)[-1].record.parents == tuple(sorted((left, right)))


def test_rows_of_another_digest_are_not_stored(tmp_path):
    record, _ = campaign("r1")
    with pytest.raises(ValueError, match="evidence has the digest"):
        ssot.append(tmp_path, record, [])
    assert tree(tmp_path) == {}


def test_an_edited_record_is_named(tmp_path):
    name = ssot.append(tmp_path, *campaign("r1"))
    path = ssot.record_path(tmp_path, name)
    path.write_bytes(path.read_bytes().replace(b'"seed":19', b'"seed":20'))
    with pytest.raises(IntegrityError, match=f"{name}.json: its content does not have the digest"):
        ssot.records(tmp_path)


def test_a_newer_record_is_refused_as_newer(tmp_path):
    data = to_json(RECORD).replace(b"record/v2", b"record/v9")
    path = ssot.record_path(tmp_path, id_of(data))
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(InvalidError, match="newer"):
        ssot.records(tmp_path)


def test_damage_in_a_folder_of_that_name_is_not_taken_for_a_newer_record(tmp_path):
    root = tmp_path / "newer"
    path = ssot.record_path(root, ssot.append(root, *campaign("r1")))
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(IntegrityError):
        ssot.records(root)


def test_a_missing_parent_is_named(tmp_path):
    first = ssot.append(tmp_path, *campaign("r1"))
    second = ssot.append(tmp_path, *campaign("r2"))
    ssot.record_path(tmp_path, first).unlink()
    with pytest.raises(IntegrityError, match=f"{second}.json: parent `{first}` is missing"):
        ssot.records(tmp_path)


def test_nothing_is_added_to_a_damaged_store(tmp_path):
    name = ssot.append(tmp_path, *campaign("r1"))
    ssot.record_path(tmp_path, name).write_bytes(b"{}")
    before = tree(tmp_path)
    with pytest.raises(IntegrityError):
        ssot.append(tmp_path, *campaign("r2"))
    assert tree(tmp_path) == before


def test_foreign_files_are_named_and_left_over_temporary_ones_are_not(tmp_path):
    ssot.append(tmp_path, *campaign("r1"))
    folder = tmp_path / ssot.RECORDS
    (folder / ".gitkeep").touch()
    (folder / f".{'a' * 24}.tmp").write_bytes(b"half")
    assert ssot.scan(tmp_path).problems == ()
    (folder / "notes.txt").touch()
    (folder / "link.json").symlink_to("/etc/passwd")
    assert [p.path for p in ssot.scan(tmp_path).problems] == ["ssot/records/link.json", "ssot/records/notes.txt"]


def test_what_the_finder_leaves_in_the_store_is_passed_over(tmp_path):
    ssot.append(tmp_path, *campaign("r1"))
    for folder in (ssot.RECORDS, ssot.EVIDENCE):
        (tmp_path / folder / ".DS_Store").write_bytes(b"x")
        (tmp_path / folder / "._메모").write_bytes(b"x")
    contents = ssot.scan(tmp_path)
    assert contents.problems == ssot.evidence_problems(tmp_path, contents.stored) == ()


def test_a_symbolic_link_in_place_of_a_record_is_not_followed(tmp_path):
    name = ssot.append(tmp_path, *campaign("r1"))
    path = ssot.record_path(tmp_path, name)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="symbolic link"):
        ssot.records(tmp_path)


def test_missing_and_changed_evidence_is_named_with_its_record(tmp_path):
    name = ssot.append(tmp_path, *campaign("r1"))
    stored = ssot.records(tmp_path)
    assert ssot.evidence_problems(tmp_path, stored) == ()
    path = ssot.evidence_path(tmp_path, stored[0].record.evidence)
    path.write_bytes(path.read_bytes()[:-1])
    assert "cut off" in ssot.evidence_problems(tmp_path, stored)[0].message
    path.unlink()
    assert name[:12] in ssot.evidence_problems(tmp_path, stored)[0].message
