"""Tests of runner.models.locate."""

import os
from pathlib import Path

import pytest

from runner.errors import InvalidError
from runner.models.locate import find_checkpoint, locate_checkpoint
from runner.spec.model import ModelSpec


def model(path: str, revision: str = "main") -> ModelSpec:
    return ModelSpec(id="m", family="llama", path=path, revision=revision)


def test_a_folder_of_the_project_is_found_first(checkpoint: Path, tmp_path: Path) -> None:
    found = locate_checkpoint(model("모델"), tmp_path)
    assert (found.folder, found.origin, found.commit) == (checkpoint, "folder", "")


def test_a_revision_leads_to_its_commit_in_the_hub_cache(hub: Path, tmp_path: Path) -> None:
    found = locate_checkpoint(model("owner/tiny"), tmp_path)
    assert (found.folder, found.origin, found.commit) == (hub, "hub cache", hub.name)


def test_a_pinned_commit_allows_no_other(hub: Path, tmp_path: Path) -> None:
    assert find_checkpoint(model("owner/tiny"), tmp_path, commit=hub.name) is not None
    assert find_checkpoint(model("owner/tiny"), tmp_path, commit="f" * 40) is None


def test_a_copy_of_lm_studio_serves_where_no_commit_is_pinned(hub: Path, checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / ".lmstudio" / "models" / "owner" / "other"
    copy.parent.mkdir(parents=True)
    checkpoint.rename(copy)
    assert locate_checkpoint(model("owner/other"), tmp_path).origin == "lm studio"
    assert find_checkpoint(model("owner/other"), tmp_path, commit="f" * 40) is None


@pytest.mark.parametrize("revision", ["../../../etc", "x" * 300, "main\n", ""])
def test_a_hostile_revision_finds_nothing(hub: Path, tmp_path: Path, revision: str) -> None:
    assert find_checkpoint(model("owner/tiny", revision), tmp_path) is None


def test_a_revision_cannot_name_a_file_outside_the_references(hub: Path, tmp_path: Path) -> None:
    (hub.parents[1] / "outside").write_text(hub.name, encoding="ascii")
    assert find_checkpoint(model("owner/tiny", "../outside"), tmp_path) is None


def test_a_reference_that_holds_no_commit_is_not_followed(hub: Path, checkpoint: Path, tmp_path: Path) -> None:
    elsewhere = os.path.relpath(checkpoint, hub.parent)
    (hub.parents[1] / "refs" / "main").write_text(elsewhere, encoding="utf-8")
    assert (hub.parent / elsewhere / "config.json").exists()
    assert find_checkpoint(model("owner/tiny"), tmp_path) is None


def test_what_is_missing_is_said_with_how_to_bring_it(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"`owner/none` at `main` is not on this machine") as error:
        locate_checkpoint(model("owner/none"), tmp_path)
    assert "models--owner--none" in error.value.help


def test_a_path_that_is_neither_folder_nor_hub_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="no folder `data/models/tiny/x`"):
        find_checkpoint(model("data/models/tiny/x"), tmp_path)
