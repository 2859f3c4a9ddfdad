import pytest

from runner.memory.lines import HOLD, Lately, lines_under

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


def test_a_late_sampler_draws_the_kill_line_down_by_what_may_grow_meanwhile():
    calm = lines_under(20 * GB)
    assert lines_under(20 * GB, late=0.05) == calm  # what was reckoned with
    assert lines_under(20 * GB, late=0.25).kill_bytes == calm.kill_bytes - 300_000_000
    assert lines_under(20 * GB, seen_growth=3e9).kill_bytes == 20 * GB - 450_000_000


def test_however_late_the_sampler_most_of_a_limit_can_be_used():
    assert lines_under(20 * GB, late=60).kill_bytes == 12 * GB
    assert lines_under(200 * 10**6, late=0.2, seen_growth=9e9).kill_bytes == 120 * 10**6


def test_what_was_seen_counts_less_and_less():
    lately = Lately()
    lately.note(0.4, 100.0)
    lately.note(0.1, 101.0)  # less than what is still reckoned with
    assert lately.at(100.0) == 0.4
    assert lately.at(100.0 + HOLD / 2) == pytest.approx(0.2)
    assert lately.at(100.0 + 2 * HOLD) == 0.0
    lately.note(0.3, 108.0)
    assert lately.at(108.0) == 0.3
