"""Tests of runner.machine.file_digests."""

import os
from pathlib import Path

import pytest

from runner.machine.file_digests import CACHE_PATH, FileDigests

OLD = 10**18  # nanoseconds: long ago, so that a digest is kept


def kept(root: Path, path: Path) -> str:
    digests = FileDigests(root)
    found = digests.digest(path)
    digests.save()
    return found


def written(path: Path, data: bytes, at: int = OLD) -> Path:
    path.write_bytes(data)
    os.utime(path, ns=(at, at))
    return path


def edited(path: Path) -> None:
    written(path, b"two", OLD + 10**9)


def edited_with_its_time_restored(path: Path) -> None:
    before = path.stat().st_ctime_ns
    written(path, b"two")
    while path.stat().st_ctime_ns == before:  # the clock of a file system ticks every few milliseconds
        written(path, b"two")


def replaced_with_its_time_kept(path: Path) -> None:
    written(path.with_name("other"), b"two").replace(path)


@pytest.mark.parametrize("change", [edited, edited_with_its_time_restored, replaced_with_its_time_kept])
def test_other_bytes_of_the_same_length_are_digested_anew(tmp_path, change):
    path = written(tmp_path / "weights", b"one")
    before = kept(tmp_path, path)
    change(path)
    assert kept(tmp_path, path) != before


def test_what_did_not_change_is_not_read_again(tmp_path):
    path = written(tmp_path / "weights", b"one")
    before = kept(tmp_path, path)
    cache = tmp_path / CACHE_PATH
    cache.write_text(cache.read_text().replace(before, "what was kept"))
    assert kept(tmp_path, path) == "what was kept"
