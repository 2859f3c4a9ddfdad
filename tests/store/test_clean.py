"""`clean` removes what nothing refers to, and nothing else."""

import dataclasses

import pytest

from runner.errors import IntegrityError
from runner.record.model import StepRecord
from runner.store import ssot
from runner.store.artifacts import Artifacts
from runner.store.clean import ENTERED, FEATURES, Removal, removable, remove
from tests.store.test_artifacts import made
from tests.store.test_ssot import campaign

OLD, NEW, OTHER = "aa" * 32, "bb" * 32, "cc" * 32


@pytest.fixture
def artifacts(tmp_path) -> Artifacts:
    found = Artifacts(tmp_path)
    made(found, key=OLD)
    made(found, key=NEW)
    return found


def gone(artifacts: Artifacts, **options) -> list[str]:
    return [r.path.name for r in removable(artifacts.root, **options)]


def test_the_newest_outputs_of_a_step_stay_and_older_ones_may_go(artifacts):
    assert gone(artifacts) == [OLD]
    assert remove(artifacts.root, removable(artifacts.root)) > 0
    assert list(Artifacts(artifacts.root).manifests()) == [NEW]


def test_what_a_record_refers_to_stays(artifacts):
    record, rows = campaign("r1")
    step = StepRecord("tune/x", "tune", OLD, "run", (), {}, {}, {}, {}, 1.0)
    ssot.append(artifacts.root, dataclasses.replace(record, steps=(step,)), rows)
    assert gone(artifacts) == []
    with pytest.raises(IntegrityError, match="may not be removed"):
        remove(artifacts.root, [Removal(artifacts.place(OLD), 0, "")])


def test_what_was_set_aside_stays_where_a_record_names_it(artifacts):
    record, rows = campaign("r1")
    step = StepRecord("tune/x", "tune", OLD, "run", (), {}, {}, {}, {}, 1.0)
    ssot.append(artifacts.root, dataclasses.replace(record, steps=(step,)), rows)
    artifacts.quarantine(OLD)
    assert gone(artifacts) == []


def test_nothing_outside_of_the_project_is_removed(artifacts, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "file"
    outside.write_text("x")
    (artifacts.folder / "link").symlink_to(outside.parent)
    for path in (outside, artifacts.folder / "link" / "file", artifacts.root / ".." / "x"):
        with pytest.raises(IntegrityError, match="may not be removed"):
            remove(artifacts.root, [Removal(path, 0, "")])
    assert outside.exists()


def test_unfinished_work_goes_only_where_it_is_asked_for(artifacts):
    artifacts.fresh_output(OTHER)
    assert gone(artifacts) == [OLD]
    assert gone(artifacts, unfinished=True) == [OLD, OTHER]


@pytest.mark.parametrize("kept", [FEATURES, ENTERED])
def test_what_is_kept_of_frozen_weights_goes_with_unfinished_work(artifacts, kept):
    path = artifacts.root / kept / "tower" / "ab" / "ab.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"123")
    assert "tower" not in gone(artifacts)
    [found] = [r for r in removable(artifacts.root, unfinished=True) if r.path.name == "tower"]
    assert found.size_bytes == 3
    remove(artifacts.root, (found,))
    assert not path.exists()


def test_what_was_set_aside_and_what_killed_writers_left_may_go(artifacts):
    artifacts.quarantine(OLD)
    stray = artifacts.root / ssot.RECORDS / f".{'0' * 24}.tmp"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"half")
    assert [name[:4] for name in gone(artifacts)] == ["aaaa", ".000"]
    remove(artifacts.root, removable(artifacts.root))
    assert gone(artifacts) == []


def test_nothing_goes_while_nobody_knows_what_a_damaged_store_refers_to(artifacts):
    (artifacts.root / ssot.RECORDS).mkdir(parents=True)
    (artifacts.root / ssot.RECORDS / f"{'0' * 32}.json").write_text("{}")
    with pytest.raises(IntegrityError):
        removable(artifacts.root)


def test_a_link_is_removed_and_not_what_it_names(artifacts, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept").write_text("x")
    (artifacts.folder / ".quarantine").mkdir()
    (artifacts.folder / ".quarantine" / "link").symlink_to(outside)
    remove(artifacts.root, removable(artifacts.root))
    assert (outside / "kept").exists()
    assert not (artifacts.folder / ".quarantine" / "link").is_symlink()
