"""Reads that trust nothing, writes that leave nothing half done."""

import errno
import os
import sys
import tracemalloc
from pathlib import Path

import pytest

from runner import files
from runner.errors import IntegrityError, InvalidError, ResourceError

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux has files that say they are empty")


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "새 폴더" / "값.json"
    files.write_json(path, {"b": 1, "a": "서울"})
    assert path.read_text(encoding="utf-8") == '{\n "a": "서울",\n "b": 1\n}\n'
    assert files.read_json(path) == {"a": "서울", "b": 1}


def test_writing_leaves_only_the_final_name(tmp_path):
    for text in ("one", "two"):
        files.write_text(tmp_path / "f", text)
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_text() == "two"


def test_adding_never_replaces_what_is_there(tmp_path):
    files.add_bytes(tmp_path / "f", b"first")
    with pytest.raises(FileExistsError):
        files.add_bytes(tmp_path / "f", b"second")
    assert (tmp_path / "f").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


def test_adding_works_where_the_file_system_knows_no_hard_links(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    files.add_bytes(tmp_path / "f", b"first")
    with pytest.raises(FileExistsError):
        files.add_bytes(tmp_path / "f", b"second")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"f": b"first"}


def test_writing_replaces_a_symbolic_link_and_not_its_target(tmp_path):
    (tmp_path / "target").write_text("kept")
    (tmp_path / "link").symlink_to("target")
    files.write_text(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text() == "kept"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("name", ["가" * 85, "n" * 255, " quote' \"", "😀.json", "-rf", "a\nb"])
def test_any_name_the_file_system_takes_can_be_written(tmp_path, name):
    files.write_text(tmp_path / name, "x")
    assert files.read_text(tmp_path / name, root=tmp_path) == "x"


def test_a_folder_that_cannot_be_written_to_is_an_os_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        files.write_text(tmp_path / "file" / "below", "x")


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")  # as /dev/stdout is
    with pytest.raises(InvalidError, match="not a regular file"):
        files.write_text(tmp_path / name, "x")
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_a_folder_is_committed_whole_and_never_over_another(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "f").write_text(name)
    files.commit_folder(tmp_path / "one", tmp_path / "x" / "final")
    with pytest.raises(FileExistsError):
        files.commit_folder(tmp_path / "two", tmp_path / "x" / "final")
    assert (tmp_path / "x" / "final" / "deep" / "f").read_text() == "one"
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no such file"),
        (lambda p: p.mkdir(), "not a regular file"),
        (os.mkfifo, "not a regular file"),
        (lambda p: p.symlink_to("/etc/passwd"), "symbolic link"),
        (lambda p: p.symlink_to(p), "symbolic link"),
        (lambda p: p.symlink_to("/dev/zero"), "symbolic link"),
        (lambda p: p.write_bytes(b"123456"), "larger than 5 bytes"),
        (lambda p: p.write_bytes(b"\xff"), "not UTF-8 (byte 0)"),
    ],
)
def test_what_is_not_a_small_text_file_is_refused(tmp_path, make, message):
    make(tmp_path / "f")
    with pytest.raises(InvalidError, match=message.replace("(", r"\(").replace(")", r"\)")):
        files.read_text(tmp_path / "f", max_bytes=5)


def test_a_device_is_refused():
    with pytest.raises(InvalidError, match="not a regular file"):
        files.read_bytes(files.Path("/dev/zero"))


@ON_LINUX
def test_a_file_without_an_end_or_a_size_is_still_bounded():
    with pytest.raises(InvalidError, match="larger than 8 bytes"):
        files.read_bytes(files.Path("/proc/self/status"), max_bytes=8)


def test_a_folder_that_is_a_symbolic_link_is_not_followed_below_the_root(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_text("x")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "ssot").symlink_to(tmp_path / "real")
    with pytest.raises(InvalidError, match="symbolic link"):
        files.read_text(tmp_path / "project" / "ssot" / "f", root=tmp_path / "project")
    assert files.read_text(tmp_path / "real" / "f", root=tmp_path / "real") == "x"


@pytest.mark.parametrize("path", ["../f", "/etc/passwd", "a/../../f", "."])
def test_a_path_out_of_the_root_is_refused(tmp_path, path):
    with pytest.raises(InvalidError, match="outside of the project"):
        files.read_text(tmp_path / "root" / path, root=tmp_path / "root")


def test_a_name_with_a_zero_byte_is_refused(tmp_path):
    with pytest.raises(InvalidError, match="not a possible file name"):
        files.read_text(tmp_path / "a\0b")


def test_a_byte_order_mark_is_left_out(tmp_path):
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfx")
    assert files.read_text(tmp_path / "f") == "x"


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "1" * 5000])
def test_damaged_json_is_an_integrity_error(tmp_path, text):
    (tmp_path / "f").write_text(text)
    with pytest.raises(IntegrityError, match="not valid JSON"):
        files.read_json(tmp_path / "f")


def test_reading_leaves_no_open_file(tmp_path):
    (tmp_path / "f").write_text("x")
    before = len(list(Path("/dev/fd").iterdir()))
    for name in ("f", "missing", "a\0b"):
        for _ in range(20):
            try:
                files.read_bytes(tmp_path / name, root=tmp_path)
            except InvalidError:
                pass
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_full_disk_is_a_resource_error(tmp_path, monkeypatch):
    def full(operation, path, detail):
        if operation == "write":
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files, "observe", full)
    with pytest.raises(ResourceError, match="no space left") as caught:
        files.write_text(tmp_path / "f", "x")
    assert "free some disk space" in caught.value.help
    assert list(tmp_path.iterdir()) == []


def test_pieces_are_written_one_after_the_other(tmp_path):
    files.write_bytes(tmp_path / "f", (b"x" * size for size in (0, 3, 2 * files.BLOCK_BYTES + 1)))
    assert (tmp_path / "f").read_bytes() == b"x" * (2 * files.BLOCK_BYTES + 4)


def test_pieces_that_cannot_be_made_leave_what_was_there(tmp_path):
    def pieces():
        yield b"a"
        raise ValueError("no more")

    files.write_text(tmp_path / "f", "old")
    with pytest.raises(ValueError, match="no more"):
        files.write_bytes(tmp_path / "f", pieces())
    assert (tmp_path / "f").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_small_file_takes_no_buffer_as_large_as_its_limit(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 100)
    tracemalloc.start()
    try:
        files.read_bytes(tmp_path / "a", max_bytes=64 * 2**20)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@ON_LINUX
def test_a_file_that_is_longer_than_it_says_is_read_whole_and_within_its_limit():
    assert files.read_bytes(Path("/proc/version"), max_bytes=10_000) == Path("/proc/version").read_bytes()
    with pytest.raises(InvalidError, match="larger than 8 bytes"):
        files.read_bytes(Path("/proc/version"), max_bytes=8)
