"""Tests of runner.samples.images."""

from pathlib import Path

from PIL import Image

from runner.samples.images import inspect_image


def saved(path: Path, hidden: int) -> Path:
    """A picture with a palette of red and blue, one of which is said to be transparent."""
    image = Image.new("P", (8, 8))
    image.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    image.putdata([i % 2 for i in range(64)])
    image.save(path, transparency=hidden)
    return path


def test_pictures_that_differ_in_what_is_transparent_are_not_the_same(tmp_path: Path) -> None:
    one, two = (inspect_image(saved(tmp_path / f"{hidden}.png", hidden), tmp_path) for hidden in (0, 1))
    assert one.pixel_digest != two.pixel_digest
