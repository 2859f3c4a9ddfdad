import pytest

from runner.memory.lines import lines_under

GB = 10**9


def test_the_kill_line_leaves_room_for_growth_until_the_tree_has_ended():
    lines = lines_under(20 * GB, growth=2e9)
    assert lines.kill_bytes == 20 * GB - int(2e9 * 0.15)


@pytest.mark.parametrize("limit", [10**6, 3 * 10**8, GB, 20 * GB, 512 * GB])
def test_the_lines_lie_in_order_under_any_limit(limit):
    lines = lines_under(limit)
    assert 0 < lines.soft_bytes < lines.kill_bytes < lines.limit_bytes


def test_a_small_limit_keeps_most_of_its_room():
    assert lines_under(200 * 10**6).kill_bytes == 150 * 10**6


def test_a_soft_line_above_the_kill_line_is_drawn_down_to_it():
    lines = lines_under(20 * GB, soft_bytes=30 * GB)
    assert lines.soft_bytes == lines.kill_bytes
