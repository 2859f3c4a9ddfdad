import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.memory.calibrate import HIGHEST, LOWEST, Pair, calibrate, calibrated, pairs_of
from runner.memory.model import Forecast

MICRO = Forecast("micro-batch", 10_000, 2_000, "trace")
SIZES = st.integers(1, 10**12)
PAIRS = st.lists(st.tuples(SIZES, SIZES, SIZES).map(lambda t: Pair("p", t[0] + t[1], t[0], t[2])), max_size=6)


def test_only_the_transient_part_is_scaled_and_the_traced_figure_stays_beside_it():
    found = calibrated(MICRO, calibrate("metal", [Pair("micro-batch", 1_000, 200, 840)]))
    assert (found.peak_bytes, found.static_bytes) == (2_000 + 6_400, 2_000)
    assert found.details == {"traced_bytes": 10_000}
    assert "× 0.80" in found.basis


def test_the_phase_that_was_forecast_lowest_decides():
    pairs = [Pair("a", 1_000, 0, 700), Pair("b", 1_000, 0, 1_100), Pair("c", 1_000, 0, 900)]
    assert calibrate("cpu", pairs).factor == pytest.approx(1.1)


def test_without_a_measured_phase_a_forecast_stays_as_it_is():
    assert calibrated(MICRO, calibrate("cpu", [])).peak_bytes == MICRO.peak_bytes


def test_a_phase_that_is_nearly_all_weights_says_nothing():
    assert calibrate("cpu", [Pair("update", 1_000, 990, 1_200)]).factor == 1.0


def test_phases_are_paired_by_name():
    assert pairs_of([MICRO], {"micro-batch": 9_000, "load": 5}) == (Pair("micro-batch", 10_000, 2_000, 9_000),)


@given(PAIRS)
def test_the_factor_stays_in_its_bounds_and_says_when_it_was_held(pairs):
    found = calibrate("cpu", pairs)
    assert LOWEST <= found.factor <= HIGHEST
    if not found.bounded:
        assert all(calibrated(Forecast("p", p.forecast_bytes, p.static_bytes, ""), found).peak_bytes
                   >= p.measured_bytes * (1 - 1e-9) - 1 for p in found.pairs)  # fmt: skip
