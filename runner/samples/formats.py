"""Which file holds a split, in which format, and its rows; and which file an image is that a row names."""

from __future__ import annotations

import dataclasses
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from runner.errors import InvalidError
from runner.files import is_debris
from runner.samples.dataset import DatasetSpec
from runner.samples.findings import Findings
from runner.samples.rows import READERS, SUFFIXES, Row

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
FILE_NAME = "file_name"  # the column of an image folder's metadata that names the file
MAX_FILES = 1_000_000


def format_of(dataset: DatasetSpec, path: Path) -> str:
    """jsonl, csv, parquet or images.

    Raises:
        InvalidError: `auto` cannot tell.
    """
    if dataset.format != "auto":
        return dataset.format
    if path.is_dir():
        return "images"
    if path.suffix.lower() in SUFFIXES:
        return SUFFIXES[path.suffix.lower()]
    raise InvalidError(
        f"the format of `{path.name}` is not known by its ending",
        help="write `format: jsonl`, `csv`, `parquet` or `images` in the data set",
    )


def read_rows(dataset: DatasetSpec, path: Path, root: Path, findings: Findings) -> Iterator[Row]:
    """The rows of one split; what cannot be read becomes a finding.

    Raises:
        InvalidError: the file is missing, no plain file, or of an unknown format.
    """
    format = format_of(dataset, path)
    if format == "images":
        return _image_folder(dataset, path, root, findings)
    if format not in READERS:
        raise InvalidError(f"no format is called `{format}`", help=f"there are {', '.join(READERS)} and images")
    return READERS[format](path, root, findings)


def _image_folder(dataset: DatasetSpec, folder: Path, root: Path, findings: Findings) -> Iterator[Row]:
    """Rows of a folder of images: those of its metadata file, or one for each image in a folder named for its label."""
    column = dataset.image or "image"
    below = folder.relative_to(root / dataset.path)
    metadata = next((folder / name for name in METADATA if (folder / name).is_file()), None)
    if metadata is None:
        yield from _by_label(dataset, folder, root, findings)
        return
    for row in READERS[SUFFIXES[metadata.suffix]](metadata, root, findings):
        name = row.columns.get(FILE_NAME)
        if isinstance(name, str) and name:
            yield Row(row.line, {**row.columns, column: (below / name).as_posix()})
        else:
            shown = metadata.relative_to(root).as_posix()
            findings.error("E715", f"the row has no `{FILE_NAME}`", shown, row.line)


def _by_label(dataset: DatasetSpec, folder: Path, root: Path, findings: Findings) -> Iterator[Row]:
    base = root / dataset.path
    names = []
    for place, folders, files in os.walk(folder, followlinks=False):
        folders.sort()
        paths = [Path(place) / name for name in sorted(files) if Path(name).suffix.lower() in IMAGE_SUFFIXES]
        names += [path for path in paths if not is_debris(path)]
        if len(names) > MAX_FILES:
            raise InvalidError(f"`{folder.name}` holds more than {MAX_FILES:,} images")
    for number, path in enumerate(names, 1):
        label = path.parent.name if path.parent != folder else ""
        yield Row(
            number,
            {
                dataset.image or "image": path.relative_to(base).as_posix(),
                dataset.reference: label,
                FILE_NAME: path.relative_to(folder).as_posix(),
            },
        )
    if not names:
        shown = folder.relative_to(root).as_posix()
        findings.error("E706", f"neither a metadata file ({', '.join(METADATA)}) nor an image", shown)


def find_image(folder: Path, name: str) -> Path:
    """The file that a row names, below its data set's folder, whichever normal form its Hangul name was stored in.

    Raises:
        InvalidError: absolute, outside the folder, or not there.
    """
    if not name or Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
        raise InvalidError(f"the image path `{name[:200]}` is not a relative path below `{folder.name}`")
    for form in (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)):
        try:
            if (folder / form).is_file():
                return folder / form
        except OSError:  # a name that no file system takes
            continue
    raise InvalidError(f"the image `{name[:200]}` is not there")


def shown_path(dataset: DatasetSpec, path: Path, root: Path) -> str:
    """The file that findings about a split's rows name: of an image folder, its metadata."""
    if format_of(dataset, path) == "images":
        path = next((path / name for name in METADATA if (path / name).is_file()), path)
    return path.relative_to(root).as_posix()


def with_image_column(dataset: DatasetSpec, path: Path) -> DatasetSpec:
    """The data set with its image column named, as an image folder leaves it open."""
    if format_of(dataset, path) == "images" and not dataset.image:
        return dataclasses.replace(dataset, image="image")
    return dataset
