"""Pictures of an import: found by the names in a table, turned upright, made RGB and small enough, originals kept."""

from __future__ import annotations

import io
import os
import unicodedata
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from runner.errors import InvalidError
from runner.files import read_bytes, read_json
from runner.samples.images import FORMATS, MAX_BYTES, MIN_SIDE
from runner.samples.text import nfc
from runner.scaffold.importing.columns import IMAGE_ENDINGS

MAX_PIXELS = 170_000_000  # Pillow itself opens nothing over 178 million
MAX_SIDE = 2048  # pixels, where nothing else is asked for
MAX_FILES = 1_000_000
SOURCE_FILE = "source.json"  # what an import says of itself, beside its rows
_ORIENTATION = 0x0112
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif"}
_KEPT_AS_THEY_ARE = {"PNG", "JPEG", "WEBP"}
_HEIC_HELP = (
    "`pip install pillow-heif` reads it (BSD-3-Clause, but its wheel carries libx265, which is GPL-2.0); or make JPEGs "
    "of them first: on a Mac `sips -s format jpeg *.HEIC --out DIR`, on an iPhone Settings > Camera > Most Compatible"
)


@dataclass(frozen=True)
class Picture:
    """A picture as the data set keeps it. `changes` is empty where its bytes are the original's."""

    data: bytes
    suffix: str
    width: int
    height: int
    original_width: int
    original_height: int
    changes: tuple[str, ...] = ()


class Album:
    """All pictures below some folders, known by the names that a table may call them. No link is followed.

    The folders are looked through when the first picture is asked for: a table of texts may lie in any folder.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._exact: dict[str, list[tuple[Path, Path]]] = defaultdict(list)
        self._loose: dict[str, list[tuple[Path, Path]]] = defaultdict(list)
        self._folders: tuple[Path, ...] = tuple(dict.fromkeys(folders))
        self._files: list[tuple[Path, Path]] = []

    @property
    def files(self) -> list[tuple[Path, Path]]:
        """(folder, file) of every picture, in order."""
        self._look()
        return self._files

    def _look(self) -> None:
        folders, self._folders = self._folders, ()
        for folder in folders:
            for path in pictures_below(folder):
                self._add(folder, path)

    def _add(self, folder: Path, path: Path) -> None:
        self._files.append((folder, path))
        if len(self._files) > MAX_FILES:
            raise InvalidError(f"there are more than {MAX_FILES:,} pictures")
        relative = _folded(path.relative_to(folder).as_posix())
        self._exact[relative].append((folder, path))
        names = {relative.rpartition("/")[2], f"{_folded(folder.name)}/{relative}", relative.rpartition(".")[0]}
        for name in names | {relative.rpartition("/")[2].rpartition(".")[0]}:
            self._loose[name].append((folder, path))

    def find(self, name: str) -> tuple[Path, Path]:
        """(folder, file) of the picture that a cell names: by its path, else by its bare name, with or without ending.

        Normal forms, case and the kind of slash do not matter, and nothing outside of the folders is ever looked at.

        Raises:
            InvalidError: no picture has that name, or several have.
        """
        self._look()
        wanted = _folded(name.strip().replace("\\", "/").removeprefix("./"))
        for found in (self._exact.get(wanted), self._loose.get(wanted)):
            different = list(dict.fromkeys(found or ()))
            if len(different) == 1:
                return different[0]
            if different:
                places = ", ".join(f"`{path.relative_to(folder.parent)}`" for folder, path in different[:3])
                raise InvalidError(f"`{name[:100]}` is {len(different)} pictures: {places}", help="name its folder too")
        raise InvalidError(f"no picture is called `{name[:100]}`", help="name the folder with the pictures as a SOURCE")


def _folded(name: str) -> str:
    return nfc(nfc(name).casefold())


def pictures_below(folder: Path) -> list[Path]:
    """Every picture in a folder and below it, by name; hidden files and links are passed over."""
    found = []
    for place, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            path = Path(place) / name
            if name.lower().endswith(IMAGE_ENDINGS) and not name.startswith(".") and not path.is_symlink():
                found.append(path)
    return found


def as_stored(path: Path) -> Path:
    """The path as the disk spells it, part by part: typed names are NFC, what comes from a Mac is often NFD."""
    if path.exists():
        return path
    found = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        forms = [part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD"))]
        found /= next((form for form in forms if (found / form).exists()), part)
    return found if found.exists() else path


def read_picture(path: Path, folder: Path) -> bytes:
    """The bytes of a picture below `folder`.

    Raises:
        InvalidError: missing, a link, too large.
    """
    return read_bytes(path, max_bytes=MAX_BYTES, root=folder)


def side_of(folder: Path) -> int:
    """The longest side of pictures in a data set that `lorarun data import` made, `MAX_SIDE` for any other."""
    path = folder / SOURCE_FILE
    about = read_json(path, max_bytes=2**20) if path.is_file() else {}
    side = about.get("max_side") if isinstance(about, dict) else None
    return side if type(side) is int and 0 < side < MAX_SIDE else MAX_SIDE


def normalise(data: bytes, *, max_side: int = MAX_SIDE) -> Picture:
    """The picture upright, RGB, without metadata, no side longer than `max_side` pixels.

    PNG, JPEG and WebP that are all of that already keep their bytes. Others are written anew: JPEG and HEIC as JPEG of
    quality 95 without chroma subsampling, the rest as PNG. Transparent parts become white.

    Raises:
        InvalidError: not a picture, broken, giant, tiny, or HEIC without the package that reads it.
    """
    formats = [*FORMATS, *_heif(data)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns from 89 million pixels on, which phones reach
        try:
            with Image.open(io.BytesIO(data), formats=formats) as image:
                _check_size(image.size)
                return _normal(image, data, max_side)
        except InvalidError:
            raise
        except Image.DecompressionBombError as error:
            raise InvalidError(f"a giant picture: it is over {MAX_PIXELS:,} pixels") from error
        # Pillow's decoders raise these on hostile or broken files.
        except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
            reason = str(error)[:200].replace("<_io.BytesIO object at ", "<") or type(error).__name__
            raise InvalidError(f"not a picture that can be read: {reason}") from error


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise InvalidError(f"a giant picture: {width} × {height} is over {MAX_PIXELS:,} pixels")
    if min(size) < MIN_SIDE:
        raise InvalidError(f"a tiny picture: {width} × {height} pixels")


def _normal(image: Image.Image, data: bytes, max_side: int) -> Picture:
    format, changes = image.format or "", list[str]()
    turned = int(image.getexif().get(_ORIENTATION, 1) or 1) not in (0, 1)
    width, height = image.size
    if image.format == "JPEG":
        image.draft("RGB", (max_side, max_side))  # decodes at 1/2, 1/4 or 1/8 where that is still large enough
    upright = ImageOps.exif_transpose(image) if turned else image
    if turned:
        changes.append("turned upright")
    if max(width, height) > max_side:
        changes.append("made smaller")
        upright.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    if upright.mode != "RGB" or "transparency" in image.info:
        changes.append(f"{image.mode} to RGB")
        upright = _rgb(upright)
    if format not in _KEPT_AS_THEY_ARE or getattr(image, "n_frames", 1) > 1:
        changes.append(f"from {format}")
    if image.getexif() or "xmp" in image.info:
        changes.append("metadata taken off")
    if not changes:
        image.load()  # a broken picture is found here, not in the tuning
        suffix = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}[format]
        return Picture(data, suffix, width, height, width, height)
    lossy = format in ("JPEG", "MPO", "HEIF", "AVIF")
    out = io.BytesIO()
    plain = Image.new("RGB", upright.size)
    plain.paste(upright)
    if lossy:
        plain.save(out, "JPEG", quality=95, subsampling=0)
    else:
        plain.save(out, "PNG")
    suffix = ".jpg" if lossy else ".png"
    return Picture(out.getvalue(), suffix, *upright.size, width, height, tuple(changes))


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = image.point(lambda v: v / 256).convert("L")
    if "A" in image.getbands() or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def _heif(data: bytes) -> list[str]:
    """The format to allow besides where the bytes are HEIC and a package that reads it is there.

    Raises:
        InvalidError: they are HEIC, and there is none.
    """
    if data[4:8] != b"ftyp" or data[8:12] not in _HEIF_BRANDS:
        return []
    try:
        import pillow_heif
    except ImportError as error:
        raise InvalidError("a HEIC picture, which nothing here can read", help=_HEIC_HELP) from error
    pillow_heif.register_heif_opener()
    return ["HEIF"]
