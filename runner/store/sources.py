"""The digest of a data set as a campaign reads it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from runner.canonical import digest_value
from runner.errors import InvalidError
from runner.files import is_debris
from runner.machine.file_digests import FileDigests
from runner.samples.hub_id import HUB_PREFIX
from runner.spec.model import DatasetSpec
from runner.store.hub_origin import read_origin, revision_of

METADATA_ENDINGS = frozenset({".jsonl", ".csv", ".parquet"})
IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".heic"})


def digest_dataset(dataset: DatasetSpec, root: Path, digests: FileDigests) -> str:
    """Digest of a data set: its split files and every image file in its folder, by relative path.

    Raises:
        InvalidError: the folder or a split file is not there, or what is there came of another source or revision.
    """
    folder = root / dataset.path
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
    for path in images_of(dataset, root):
        parts[path.relative_to(folder).as_posix()] = digests.digest(path)
    return digest_value(parts)


def _of_image_folder(folder: Path) -> list[Path]:
    """The metadata files and every image file below a split's folder, sorted."""
    endings = {*IMAGE_ENDINGS, *METADATA_ENDINGS}
    return _kept(folder, endings)


def images_of(dataset: DatasetSpec, root: Path) -> list[Path]:
    """Every image file in the folder of a data set with images, sorted; none of a data set of texts."""
    if not dataset.image:
        return []
    return _kept(root / dataset.path, IMAGE_ENDINGS)


def _kept(folder: Path, endings: Collection[str]) -> list[Path]:
    found = (p for p in folder.rglob("*") if p.suffix.lower() in endings and p.is_file())
    return sorted(p for p in found if not is_debris(p))
