"""Pictures of every kind come out as a model takes them: RGB, upright, small enough; or keep their bytes."""

import io

import pytest
from PIL import Image

from runner.errors import InvalidError
from runner.scaffold.importing.pictures import normalise


def stored(image, format="PNG", **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def opened(picture):
    return Image.open(io.BytesIO(picture.data))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "I;16", "CMYK"])
def test_every_mode_becomes_rgb(mode):
    image = Image.new(mode, (8, 6)) if mode == "I;16" else Image.new("RGB", (8, 6), "white").convert(mode)
    picture = normalise(stored(image, "JPEG" if mode == "CMYK" else "PNG"))
    assert opened(picture).mode == "RGB"
    assert [c for c in picture.changes if c.endswith("to RGB")]


def test_transparent_parts_become_white_and_not_black():
    picture = normalise(stored(Image.new("RGBA", (8, 6), (0, 0, 0, 0))))
    assert opened(picture).getpixel((3, 3)) == (255, 255, 255)


@pytest.mark.parametrize(("format", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp")])
def test_what_needs_no_change_keeps_its_bytes(format, suffix):
    data = stored(Image.new("RGB", (8, 6), "red"), format)
    picture = normalise(data)
    assert (picture.data, picture.suffix, picture.changes) == (data, suffix, ())


@pytest.mark.parametrize("format", ["BMP", "GIF", "TIFF"])
def test_other_formats_become_png_without_loss(format):
    picture = normalise(stored(Image.new("RGB", (8, 6), (255, 0, 0)), format))
    assert picture.suffix == ".png"
    assert opened(picture).getpixel((2, 2)) == (255, 0, 0)


def test_a_long_side_is_brought_to_the_limit_and_the_shape_kept():
    picture = normalise(stored(Image.new("RGB", (400, 100)), "JPEG"), max_side=64)
    assert (picture.width, picture.height) == (64, 16)
    assert (picture.original_width, picture.original_height) == (400, 100)
    assert "made smaller" in picture.changes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_ends_upright_without_a_tag(orientation):
    upright = Image.new("RGB", (40, 24), (0, 0, 80))
    upright.paste((255, 0, 0), (0, 0, 12, 8))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # how a camera stores it: the inverse of what the tag asks for
    image = upright.transpose(Image.Transpose(back[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = normalise(stored(image, "PNG", exif=exif))
    assert opened(picture).convert("RGB").tobytes() == upright.tobytes()
    assert not opened(picture).getexif()


def test_where_a_photo_was_taken_is_not_kept():
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (37.0, 33.0, 0.0)
    data = stored(Image.new("RGB", (8, 6)), "JPEG", exif=exif)
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825)
    assert not opened(normalise(data)).getexif().get_ifd(0x8825)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 30, b"<svg/>", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_an_error_of_the_user(data):
    with pytest.raises(InvalidError, match="not a picture that can be read"):
        normalise(data)


def test_heic_is_read_where_the_package_is_there():
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    picture = normalise(stored(Image.new("RGB", (64, 48), (200, 30, 30)), "HEIF"))
    assert picture.suffix == ".jpg"
    assert picture.changes[0] == "from HEIF"
