"""Tests of runner.store.artifacts."""

from pathlib import Path

import pytest

from runner.errors import IntegrityError
from runner.store.artifacts import Artifacts, describe
from runner.store.manifest import Manifest
from tests.faults import Fault, acknowledged

KEY = "ab" * 32


def made(artifacts: Artifacts, *, step: str = "tune/x", key: str = KEY, text: str = "weights") -> Manifest:
    out = artifacts.fresh_output(key)
    (out / "a.txt").write_text(text)
    (out / "folder").mkdir()
    (out / "folder" / "b.txt").write_text("b")
    outputs = describe(out, {"a.txt": "sha256:content"})
    manifest = Manifest(step, "tune", key, {"params": {}}, outputs, {"loss": 1.0}, {}, 0.1, "2026-01-01T00:00:00+00:00")
    artifacts.commit(manifest)
    return manifest


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path)


def test_a_committed_step_is_found_by_a_later_look(artifacts: Artifacts, tmp_path: Path) -> None:
    manifest = made(artifacts)
    later = Artifacts(tmp_path)
    assert later.verify(KEY) == manifest
    assert later.last_of()["tune/x"].outputs["a.txt"].content == "sha256:content"
    assert later.place(KEY) == tmp_path / "artifacts" / "tune" / "x" / KEY


def test_outputs_that_are_set_aside_are_no_longer_the_newest(artifacts: Artifacts) -> None:
    made(artifacts)
    artifacts.quarantine(KEY)
    assert artifacts.last_of() == Artifacts(artifacts.root).last_of() == {}


def test_work_in_progress_is_not_a_finished_step(artifacts: Artifacts, tmp_path: Path) -> None:
    out = artifacts.fresh_output(KEY)
    (out / "manifest.json").write_text("{}")
    assert Artifacts(tmp_path).manifests() == {}


def test_starting_again_keeps_the_checkpoint_and_drops_the_half_made_output(artifacts: Artifacts) -> None:
    (artifacts.fresh_output(KEY) / "half").write_text("x")
    (artifacts.work(KEY) / "checkpoint").mkdir()
    assert list(artifacts.fresh_output(KEY).iterdir()) == []
    assert (artifacts.work(KEY) / "checkpoint").is_dir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "a.txt").write_text("other"), "a.txt has changed"),
        (lambda f: (f / "a.txt").unlink(), "a.txt is missing"),
        (lambda f: (f / "new.txt").write_text("x"), "new.txt is foreign"),
        (lambda f: (f / "folder" / "b.txt").write_bytes(b""), "folder/b.txt has changed"),
        (lambda f: ((f / "a.txt").unlink(), (f / "a.txt").symlink_to("/etc/passwd")), "a.txt is not a regular file"),
    ],
)
def test_damage_is_named_and_never_used(artifacts: Artifacts, damage, message: str) -> None:
    made(artifacts)
    damage(artifacts.place(KEY))
    with pytest.raises(IntegrityError, match=message):
        artifacts.verify(KEY)


def test_what_the_finder_leaves_in_a_folder_is_no_damage(artifacts: Artifacts) -> None:
    made(artifacts)
    for name in (".DS_Store", "folder/.DS_Store", "._a.txt"):
        (artifacts.place(KEY) / name).write_bytes(b"x")
    artifacts.verify(KEY)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "manifest.json").write_text("{"), "not valid JSON"),
        (lambda f: (f / "manifest.json").write_text("[]"), "not a manifest of the format"),
        (lambda f: (f / "manifest.json").unlink(), "no such file"),
        (lambda f: edit(f / "manifest.json", '"loss": 1.0', '"loss": 0.5'), "does not have its own digest"),
        (lambda f: edit(f / "manifest.json", "manifest/v1", "manifest/v2"), "not a manifest of the format"),
        (lambda f: (f / "a.txt").unlink(), "a.txt is missing"),
        (lambda f: (f / "a.txt").write_text("longer than before"), "a.txt has 18 bytes, written were 7"),
        (lambda f: f.rename(f.with_name("cd" * 32)), "manifest of another step"),
    ],
)
def test_a_damaged_folder_is_named_when_it_is_looked_at(artifacts: Artifacts, tmp_path: Path, damage, message) -> None:
    made(artifacts)
    damage(artifacts.place(KEY))
    assert [message in said for said in Artifacts(tmp_path).broken.values()] == [True]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_broken_manifest_is_never_a_finished_step(artifacts: Artifacts, tmp_path: Path) -> None:
    made(artifacts)
    (artifacts.place(KEY) / "manifest.json").write_text("{")
    later = Artifacts(tmp_path)
    assert later.manifests() == {}
    assert list(later.broken) == [KEY]
    kept = later.quarantine(KEY)
    assert (kept / "a.txt").read_text() == "weights"
    assert Artifacts(tmp_path).broken == {}


def test_a_folder_that_links_out_of_the_project_is_not_looked_into(artifacts: Artifacts, tmp_path: Path) -> None:
    made(artifacts)
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "artifacts" / "tune").rename(elsewhere)
    (tmp_path / "artifacts" / "tune").symlink_to(elsewhere)
    assert (Artifacts(tmp_path).manifests(), Artifacts(tmp_path).broken) == ({}, {})


def test_a_step_that_is_made_again_leaves_the_old_outputs_aside(artifacts: Artifacts, tmp_path: Path) -> None:
    made(artifacts)
    made(artifacts, text="again")
    assert (artifacts.place(KEY) / "a.txt").read_text() == "again"
    [old] = (tmp_path / "artifacts" / ".quarantine").iterdir()
    assert (old / "a.txt").read_text() == "weights"


@pytest.mark.parametrize("mode", ["ENOSPC", "EIO", "crash", "kill"])
def test_a_finished_step_is_whole_or_not_there_whatever_fails(tmp_path: Path, mode: str) -> None:
    for at in range(1, 60):
        fault, root = Fault(at, mode), tmp_path / str(at)
        done = acknowledged(lambda root=root: made(Artifacts(root)), fault)
        later = Artifacts(root)
        assert later.broken == {}
        assert KEY in later.manifests() or not done
        if KEY in later.manifests():
            later.verify(KEY)
        else:
            made(later)
        if not fault.fired:
            assert at > 10
            return
    raise AssertionError("it never ends")


def test_a_damaged_step_that_is_set_aside_is_kept_and_not_found_any_more(artifacts: Artifacts, tmp_path: Path) -> None:
    made(artifacts)
    kept = artifacts.quarantine(KEY)
    assert (kept / "a.txt").read_text() == "weights"
    assert Artifacts(tmp_path).manifests() == {}
    made(artifacts, text="again")
    assert (artifacts.place(KEY) / "a.txt").read_text() == "again"


def test_a_step_that_was_begun_is_known_with_its_checkpoint_until_it_ends(artifacts: Artifacts) -> None:
    artifacts.fresh_output(KEY)
    assert artifacts.unfinished() == {KEY: False}
    (artifacts.work(KEY) / "checkpoint").mkdir()
    (artifacts.work(KEY) / "checkpoint" / "checkpoint.json").write_text("{}")
    assert artifacts.unfinished() == {KEY: True}
    made(artifacts)
    assert artifacts.unfinished() == {}
