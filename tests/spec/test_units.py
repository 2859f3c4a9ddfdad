"""`runner/spec/units.py`: texts with units."""

import pytest

from runner.spec.units import duration_seconds, quantity, share, size_bytes


@pytest.mark.parametrize(
    ("text", "value"),
    [("20GB", 20 * 10**9), ("20GiB", 20 * 2**30), ("1.5GB", 1_500_000_000), ("512 MB", 512 * 10**6), ("1B", 1)],
)
def test_sizes_are_exact_bytes(text, value):
    assert size_bytes(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("8h", 28800), ("90s", 90), ("30min", 1800), ("2d", 172800), ("0.5h", 1800)]
)
def test_durations_are_seconds(text, value):
    assert duration_seconds(text) == value


@pytest.mark.parametrize(("text", "value"), [("15%", 0.15), ("0.1%", 0.001), ("100 %", 1.0), (0, 0.0)])
def test_shares_are_of_one(text, value):
    assert share(text) == value


@pytest.mark.parametrize("text", ["", "20", "GB", "-1GB", "1e3GB", "20gb", "２GB", "20GB\n", "20 GB GB", "1GBit"])
def test_other_texts_are_no_sizes(text):
    with pytest.raises(ValueError, match=r"^"):
        size_bytes(text)


def test_a_quantity_has_its_metrics_unit():
    assert quantity("20GB", "bytes") == 20e9
    assert quantity("5%", "share") == 0.05
    assert quantity(0.5, "number") == 0.5
    with pytest.raises(ValueError, match="20GB"):
        quantity("20GB", "number")
