"""Image files of a data set: opened within limits, and known by bytes, by pixels and by look.

Pixels are compared upright, as mlx-vlm reads them: a picture that is stored turned is the same as its upright copy.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from runner.canonical import digest_bytes
from runner.errors import InvalidError
from runner.files import read_bytes

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000
MIN_SIDE = 4  # pixels
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LOOK_SIDE = 16


@dataclass(frozen=True)
class ImageFacts:
    """What is known of one image file. `look` is a 256-bit difference hash, `flat` where it says nothing."""

    digest: str
    pixel_digest: str
    width: int  # as stored
    height: int
    orientation: int  # EXIF; 1 is upright
    frames: int
    look: bytes
    flat: bool


def inspect_image(path: Path, root: Path) -> ImageFacts:
    """Open, verify and digest one image below `root`.

    Raises:
        InvalidError: unreadable, a link, broken, of an unknown format, tiny, or larger than the limits.
    """
    data = read_bytes(path, max_bytes=MAX_BYTES, root=root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own limits are wider; broken metadata is none of our business
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(image)
                image.load()
                return _facts(data, image)
        except InvalidError:
            raise
        except UnidentifiedImageError as error:
            raise InvalidError(f"not an image that can be read ({', '.join(FORMATS)})") from error
        # Pillow's decoders raise these on hostile or broken files.
        except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
            raise InvalidError(f"a broken image: {str(error)[:200] or type(error).__name__}") from error


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidError(f"a giant image: {width} × {height} is over {MAX_PIXELS:,} pixels")
    if min(width, height) < MIN_SIDE:
        raise InvalidError(f"a tiny image: {width} × {height} pixels")


def _facts(data: bytes, image: Image.Image) -> ImageFacts:
    mode = "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"
    orientation = int(image.getexif().get(_ORIENTATION, 1) or 1)
    # Not `ImageOps.exif_transpose`: that writes the metadata anew, which broken ones do not allow.
    turn = _UPRIGHT.get(orientation)
    pixels = (image if turn is None else image.transpose(turn)).convert(mode)
    head = f"{mode} {pixels.width} {pixels.height}\n".encode()
    grey = np.asarray(pixels.convert("L").resize((_LOOK_SIDE + 1, _LOOK_SIDE), Image.Resampling.BOX), dtype=np.int16)
    steps = np.diff(grey, axis=1)
    return ImageFacts(
        digest=digest_bytes(data),
        pixel_digest="sha256:" + hashlib.sha256(head + pixels.tobytes()).hexdigest(),
        width=image.width,
        height=image.height,
        orientation=orientation,
        frames=int(getattr(image, "n_frames", 1)),
        look=np.packbits(steps > 0).tobytes(),
        flat=bool((np.abs(steps) > 2).mean() < 0.1),
    )
