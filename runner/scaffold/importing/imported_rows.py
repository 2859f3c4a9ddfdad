"""One row of a source → one row of the data set: columns renamed, values JSON, pictures normalized and stored."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from runner.canonical import digest_bytes
from runner.errors import InvalidError
from runner.samples.rows import Row
from runner.samples.text import bare, nfc
from runner.scaffold.importing.columns import DROP, Column
from runner.scaffold.importing.pictures import Album, Picture, normalise, read_picture

IMAGES, ORIGINALS = "images", "originals"
_BETWEEN_FACTS = (r"[\r\n]+", "[;；]", r"\|", r",\s|[、，]")
_TEXTS = ("question", "text", "prompt", "messages")


@dataclass(frozen=True)
class ImportedRow:
    """A row as it is written. Rows that share a key stay together; `near` is the text to find near-duplicates by."""

    columns: dict[str, Any]
    place: str  # table:line, or the picture's path
    split: str
    keys: tuple[str, ...]
    near: str = ""
    pictures: tuple[str, ...] = ()  # for people: name and sizes

    def line(self) -> str:
        """The row as a line of JSON."""
        return json.dumps(self.columns, ensure_ascii=False, allow_nan=False) + "\n"


class Converter:
    """Converts rows; `pictures` says of each stored picture where it came from and what was done to it."""

    def __init__(
        self, columns: tuple[Column, ...], album: Album, out: Path, max_side: int, keep_originals: bool
    ) -> None:
        self._field = {c.name: c.field for c in columns}
        self._has_split = any(c.field == "split" and c.why for c in columns)
        self._album, self._out, self._max_side, self._keep = album, out, max_side, keep_originals
        self._stored: dict[str, str] = {}  # digest of the original → path in the data set
        self._pixels: dict[str, str] = {}  # path in the data set → digest of its pixels
        self.pictures: dict[str, dict[str, Any]] = {}

    def convert(self, row: Row, place: str, split: str) -> ImportedRow:
        """One row.

        Raises:
            InvalidError: a picture is missing or unreadable, or a value has no form in JSON.
        """
        columns: dict[str, Any] = {}
        for name, value in row.columns.items():
            field = self._field.get(nfc(str(name)), nfc(str(name)))
            if field == DROP:
                continue
            kept = self._images(value) if field == "image" else self._value(field, value)
            columns[field] = facts_of_cell(kept) if field == "facts" else kept
        own = columns.pop("split", "") if self._has_split else ""
        for field in ("id", "document"):
            if field in columns and not isinstance(columns[field], str):
                columns[field] = "" if columns[field] is None else str(columns[field])
        if not columns.get("id", "-"):
            del columns["id"]
        names = columns.get("image", [])
        names = [names] if isinstance(names, str) else names
        text = "" if names else bare(" ".join(_text(columns[t]) for t in _TEXTS if columns.get(t)))
        return ImportedRow(columns, place, split or str(own or ""), self._keys(columns, names, text), near=text)

    def _keys(self, columns: Mapping[str, Any], images: list[str], text: str) -> tuple[str, ...]:
        keys = [f"image:{self._pixels[path]}" for path in images if path in self._pixels]
        if columns.get("document"):
            keys.append(f"document:{columns['document']}")
        if text:
            keys.append("text:" + hashlib.sha256(text.encode()).hexdigest())
        return tuple(keys)

    def shown(self, row: ImportedRow) -> ImportedRow:
        """The row with its pictures in words."""
        names = row.columns.get("image", [])
        told = [self._told(name) for name in ([names] if isinstance(names, str) else names) if name in self.pictures]
        return ImportedRow(row.columns, row.place, row.split, row.keys, row.near, tuple(told))

    def _told(self, name: str) -> str:
        about = self.pictures[name]
        was, now = ("{} × {}".format(*about[key]) for key in ("original_size", "size"))
        changed = f" → {now} ({', '.join(about['changes'])})" if about["changes"] else ""
        return f"{about['from']}: {was}{changed}"

    def _images(self, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):  # how the hub embeds a picture
            return self._store(value["bytes"], str(value.get("path") or ""))
        if isinstance(value, bytes):
            return self._store(value, "")
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                pass
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(n, str) and n.strip() for n in names):
            if names and all(isinstance(n, bytes | dict) for n in names):
                return [self._images(n) for n in names]
            raise InvalidError("the row names no picture")
        paths = [self._file(n) for n in names]
        return paths if isinstance(value, list) else paths[0]

    def _file(self, name: str) -> str:
        folder, path = self._album.find(name)
        return self._store(read_picture(path, folder), path.relative_to(folder).as_posix())

    def _store(self, data: bytes, name: str) -> str:
        digest = digest_bytes(data)
        if digest not in self._stored:
            picture = normalise(data, max_side=self._max_side)
            path = self._free(f"{IMAGES}/{_stem(name) or digest[7:39]}", picture.suffix)
            self._put(path, picture.data)
            original = path
            if picture.changes and self._keep:
                ending = Path(name).suffix.lower() or picture.suffix
                original = self._free(f"{ORIGINALS}/{Path(path).stem}", ending)
                self._put(original, data)
            self._stored[digest] = path
            self._pixels[path] = _pixels(picture)
            self.pictures[path] = _about(picture, nfc(name) or path, digest, original, self._keep)
        return self._stored[digest]

    def _free(self, stem: str, suffix: str) -> str:
        path, number = f"{stem}{suffix}", 1
        while (self._out / path).exists():
            number += 1
            path = f"{stem}-{number}{suffix}"
        return path

    def _put(self, name: str, data: bytes) -> None:
        path = self._out / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)

    def _value(self, column: str, value: Any) -> Any:
        if isinstance(value, str):
            return nfc(value)
        if isinstance(value, bytes) or (isinstance(value, dict) and isinstance(value.get("bytes"), bytes)):
            return self._images(value)
        if isinstance(value, dict):
            return {str(k): self._value(column, v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(column, v) for v in value]
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, decimal.Decimal):
            return str(value)
        if value is None or isinstance(value, str | int | float):
            return None if isinstance(value, float) and value != value else value  # noqa: PLR0124  (NaN)
        raise InvalidError(f"the column `{column[:80]}` holds {type(value).__name__}, which JSON has no form for")


def facts_of_cell(value: Any) -> Any:
    """A cell's facts as a list: JSON, or parted at line breaks, else `;`, else `|`, else commas before a space."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [str(value)]
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            pass
    parted = next((p for mark in _BETWEEN_FACTS if len(p := re.split(mark, value)) > 1), [value])
    return [part.strip() for part in parted if part.strip()]


def _about(picture: Picture, name: str, digest: str, original: str, kept: bool) -> dict[str, Any]:
    return {
        "from": name,
        "digest": digest_bytes(picture.data),
        "size": [picture.width, picture.height],
        "original": original if kept or not picture.changes else "",
        "original_digest": digest,
        "original_size": [picture.original_width, picture.original_height],
        "changes": list(picture.changes),
    }


def _pixels(picture: Picture) -> str:
    with Image.open(io.BytesIO(picture.data)) as image:
        plain = image.convert("RGB")
        return hashlib.sha256(f"{plain.size}".encode() + plain.tobytes()).hexdigest()


def _stem(name: str) -> str:
    """A picture's name as a plain file name in NFC: no folders, nothing that a shell or a report would act on."""
    stem = nfc(name).replace("\\", "/").rpartition("/")[2]
    stem = stem.rpartition(".")[0] or stem
    return re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:80]


def _text(value: Any) -> str:
    if isinstance(value, list):  # chat: what is asked, not what is answered
        return " ".join(str(m.get("content")) for m in value if isinstance(m, dict) and m.get("role") != "assistant")
    return str(value)
