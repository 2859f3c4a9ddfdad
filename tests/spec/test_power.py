"""`runner/spec/power.py`: how many rows a target needs."""

import numpy as np

from runner.spec.power import power, rows_needed


def test_more_rows_and_larger_gains_have_more_power():
    assert power(50, 0.2) < power(100, 0.2) < power(400, 0.2)
    assert power(100, 0.1) < power(100, 0.2) < power(100, 0.4)


def test_the_rows_needed_are_the_first_with_that_power():
    for gain in (0.1, 0.15, 0.2, 0.5):
        needed = rows_needed(gain)
        assert needed is not None
        assert power(needed, gain) >= 0.8 > power(needed - 1, gain)


def test_a_gain_that_no_number_of_rows_shows_has_none():
    assert rows_needed(0.001) is None


def test_the_formula_agrees_with_a_simulation_of_paired_shares():
    draws = np.random.default_rng(19)
    rows, before, after, share = 120, 0.6, 0.72, 0.5
    covariance = share * np.sqrt(before * (1 - before) * after * (1 - after))
    both = before * after + covariance
    cells = [both, before - both, after - both, 1 - before - after + both]
    counts = draws.multinomial(rows, cells, size=4000)
    difference = (counts[:, 2] - counts[:, 1]) / rows
    spread = np.sqrt(np.maximum((counts[:, 2] + counts[:, 1]) / rows - difference**2, 1e-12) / rows)
    assert abs(float(np.mean(difference / spread > 1.645)) - power(rows, 0.2)) < 0.04
