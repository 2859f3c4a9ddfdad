"""Tests of runner.machine.disk."""

from runner.machine.disk import free_bytes


def test_free_space_is_asked_of_the_nearest_folder_that_exists(tmp_path):
    assert free_bytes(tmp_path / "not" / "there") == free_bytes(tmp_path) > 0
