"""Tests of runner.models.digest."""

import os
import shutil
from pathlib import Path

from runner.machine.file_digests import CACHE_PATH
from runner.models.digest import digest_checkpoint


def age(folder: Path) -> None:
    """Make every file old enough for its digest to be kept."""
    for path in folder.iterdir():
        os.utime(path, ns=(10**18, 10**18))


def test_the_digest_is_of_content_not_of_place(checkpoint: Path, hub: Path) -> None:
    assert digest_checkpoint(checkpoint) == digest_checkpoint(hub)


def test_a_flipped_bit_of_the_weights_changes_the_digest(checkpoint: Path) -> None:
    before = digest_checkpoint(checkpoint)
    path = checkpoint / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert digest_checkpoint(checkpoint) != before


def test_a_chat_template_counts_and_a_readme_does_not(checkpoint: Path) -> None:
    before = digest_checkpoint(checkpoint)
    (checkpoint / "README.md").write_text("읽어 주세요", encoding="utf-8")
    assert digest_checkpoint(checkpoint) == before
    (checkpoint / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    assert digest_checkpoint(checkpoint) != before


def test_a_change_after_caching_is_seen_by_size_or_time(checkpoint: Path, tmp_path: Path) -> None:
    age(checkpoint)
    before = digest_checkpoint(checkpoint, root=tmp_path)
    assert (tmp_path / CACHE_PATH).exists()
    (checkpoint / "tokenizer.json").write_text('{"x": 1}', encoding="utf-8")
    assert digest_checkpoint(checkpoint, root=tmp_path) != before


def test_a_file_that_changed_just_now_is_not_cached(checkpoint: Path, tmp_path: Path) -> None:
    digest_checkpoint(checkpoint, root=tmp_path)
    assert not (tmp_path / CACHE_PATH).exists()


def test_a_broken_cache_is_an_empty_one(checkpoint: Path, tmp_path: Path) -> None:
    age(checkpoint)
    before = digest_checkpoint(checkpoint, root=tmp_path)
    (tmp_path / CACHE_PATH).write_text("{", encoding="utf-8")
    assert digest_checkpoint(checkpoint, root=tmp_path) == before


def test_a_copy_with_other_times_has_the_same_digest(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint, tmp_path / "copy")
    assert digest_checkpoint(tmp_path / "copy", root=tmp_path) == digest_checkpoint(checkpoint)
