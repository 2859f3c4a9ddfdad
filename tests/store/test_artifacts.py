"""Tests of runner.store.artifacts."""

from pathlib import Path

import pytest

from runner.errors import IntegrityError
from runner.store.artifacts import Artifacts, describe
from runner.store.manifest import Manifest

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


def test_a_broken_manifest_is_named_and_its_step_counts_as_missing(artifacts: Artifacts, tmp_path: Path) -> None:
    made(artifacts)
    (artifacts.place(KEY) / "manifest.json").write_text("{")
    later = Artifacts(tmp_path)
    assert later.manifests() == {}
    assert list(later.broken) == [f"artifacts/tune/x/{KEY}"]


def test_a_damaged_step_that_is_set_aside_is_kept_and_not_found_any_more(artifacts: Artifacts, tmp_path: Path) -> None:
    made(artifacts)
    kept = artifacts.quarantine(KEY)
    assert (kept / "a.txt").read_text() == "weights"
    assert Artifacts(tmp_path).manifests() == {}
    made(artifacts, text="again")
    assert (artifacts.place(KEY) / "a.txt").read_text() == "again"
