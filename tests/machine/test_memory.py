"""Tests of runner.machine.memory."""

import sys

import psutil
import pytest

from runner.machine import memory


def test_total_memory_is_no_more_than_what_is_installed() -> None:
    total = memory.total_bytes()
    assert total is not None
    assert 2**28 < total <= psutil.virtual_memory().total


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_available_memory_is_a_part_of_the_total() -> None:
    available = memory.available_bytes()
    assert available is not None
    assert 0 < available <= psutil.virtual_memory().total


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has one")
def test_only_a_mac_has_a_working_set_limit_for_the_gpu() -> None:
    assert memory.gpu_working_set_bytes() is None


def test_an_unknown_line_of_meminfo_is_unknown_not_zero() -> None:
    assert memory.meminfo_bytes("NoSuchLine") is None
