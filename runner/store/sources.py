"""The digest of a data set as a campaign reads it. Nothing outside of the project is looked at."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Container
from pathlib import Path

from runner.canonical import digest_value
from runner.errors import InvalidError
from runner.files import open_regular
from runner.machine.file_digests import FileDigests
from runner.samples.findings import Findings
from runner.samples.formats import find_image, format_of, read_rows
from runner.samples.hub_id import HUB_PREFIX
from runner.samples.shape import chat_images
from runner.spec.model import DatasetSpec
from runner.store.hub_origin import read_origin, revision_of

METADATA_ENDINGS = frozenset({".jsonl", ".csv", ".parquet"})
IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic"})
MARKS = (b"image", b"\\u006")  # the type of a part, as it is written, and with a letter of it as an escape
PACKED_MARKS = (b"messages",)  # Parquet packs values, not the names of its columns
BLOCK_BYTES = 1 << 20
MAX_ENTRIES = 5_000_000


def digest_dataset(dataset: DatasetSpec, root: Path, digests: FileDigests) -> str:
    """Digest of a data set: its split files, and every image file in its folder or that its chat rows name, by path.

    Raises:
        InvalidError: the folder or a split file is not there or leads out of the project, or what is there came of
            another source or revision.
    """
    folder = root / dataset.path
    if leads_out(dataset, root):
        said = f"data set `{dataset.id}`: `{dataset.path}` leads out of the project"
        raise InvalidError(said, help="bring the data into a folder of the project")
    if dataset.source.startswith(HUB_PREFIX) and not all((folder / name).exists() for name in dataset.splits.values()):
        raise InvalidError(
            f"data set `{dataset.id}`: files of `{dataset.source}` are not in `{dataset.path}` yet",
            help="`lorarun apply` and `lorarun fetch` bring them where there is a network",
        )
    origin = read_origin(folder) if dataset.source.startswith(HUB_PREFIX) else None
    if origin is not None and not origin.is_of(dataset):
        came = f"`{origin.source[:200]}` at `{origin.revision[:80]}`"
        wanted = f"`{dataset.source}` at `{revision_of(dataset)}`"
        raise InvalidError(
            f"data set `{dataset.id}`: `{dataset.path}` holds {came}, and the spec asks for {wanted}",
            help="`lorarun apply` and `lorarun fetch` bring it where there is a network",
        )
    if not folder.is_dir():
        raise InvalidError(
            f"data set `{dataset.id}`: the folder `{dataset.path}` is not there",
            help="bring the data, or correct `path`",
        )
    parts: dict[str, str] = {}
    for split, name in sorted(dataset.splits.items()):
        path = folder / name
        if path.is_dir():
            for file in _of_image_folder(path):
                parts[file.relative_to(folder).as_posix()] = digests.digest(file)
            continue
        if not path.is_file():
            raise InvalidError(f"data set `{dataset.id}`: the {split} split `{dataset.path}/{name}` is not there")
        parts[name] = digests.digest(path)
    for path in images_of(dataset, root) if dataset.image else _images_in_chats(dataset, root):
        parts[path.relative_to(folder).as_posix()] = digests.digest(path)
    return digest_value(parts)


def leads_out(dataset: DatasetSpec, root: Path) -> bool:
    """Whether the folder or a split of a data set is elsewhere than in the project, or is reached by a link from it."""
    folder, inside = root / dataset.path, root.resolve()
    return not all(p.resolve().is_relative_to(inside) for p in (folder, *map(folder.joinpath, dataset.splits.values())))


def _of_image_folder(folder: Path) -> list[Path]:
    """The metadata files and every image file below a split's folder, sorted."""
    return _below(folder, IMAGE_ENDINGS | METADATA_ENDINGS)


def images_of(dataset: DatasetSpec, root: Path) -> list[Path]:
    """Every image file in the folder of a data set with images, sorted; none of a data set of texts."""
    return _below(root / dataset.path, IMAGE_ENDINGS) if dataset.image else []


def _below(folder: Path, endings: Container[str]) -> list[Path]:
    """The files with these endings, sorted. Links are not followed: no row may name one."""
    found = list(itertools.islice(folder.rglob("*"), MAX_ENTRIES + 1))
    if len(found) > MAX_ENTRIES:
        raise InvalidError(f"`{folder.name}` holds more than {MAX_ENTRIES:,} files and folders")
    return sorted(p for p in found if p.suffix.lower() in endings and p.is_file() and not p.is_symlink())


def _images_in_chats(dataset: DatasetSpec, root: Path) -> list[Path]:
    """The image files that rows of a chat name in their messages, sorted; `prepare` says which are missing."""
    if dataset.prompt:  # rows of columns: none of them is a chat
        return []
    folder, names = root / dataset.path, set[str]()
    for path in (folder / name for name in dataset.splits.values()):
        if path.is_file() and _may_name_images(path, format_of(dataset, path), root):
            for row in read_rows(dataset, path, root, Findings()):
                names.update(chat_images(row.columns))
    found = []
    for name in names:
        with contextlib.suppress(InvalidError):
            found.append(find_image(folder, name))
    return sorted(p for p in set(found) if not p.is_symlink())


def _may_name_images(path: Path, format: str, root: Path) -> bool:
    """Whether a file of rows holds what a chat with images can't do without. Most don't: their rows are not read."""
    marks = PACKED_MARKS if format == "parquet" else MARKS
    tail = b""
    with open_regular(path, root=root) as f:
        while block := f.read(BLOCK_BYTES):
            if any(mark in tail + block for mark in marks):
                return True
            tail = block[-8:]
    return False
