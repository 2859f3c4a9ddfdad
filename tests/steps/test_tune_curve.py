"""Tests of what a tune step keeps of its history for the record."""

from __future__ import annotations

import itertools

from runner.steps.tune import CURVE_ROWS, curve


def rows(count: int) -> list[dict[str, float]]:
    return [{"update": float(u), "loss": 1.0 / u} for u in range(1, count + 1)]


def test_a_short_history_is_kept_whole() -> None:
    assert curve(rows(7)) == rows(7)


def test_a_long_history_keeps_its_ends_and_an_even_spread() -> None:
    kept = curve(rows(12_345))
    assert len(kept) == CURVE_ROWS
    assert (kept[0]["update"], kept[-1]["update"]) == (1.0, 12_345.0)
    gaps = [b["update"] - a["update"] for a, b in itertools.pairwise(kept)]
    assert max(gaps) - min(gaps) <= 1


def test_no_history_is_no_curve() -> None:
    assert curve(()) == []
