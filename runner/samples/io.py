"""Samples and completions as JSONL files: one canonical object a line, durable, in the order given."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from runner import files
from runner.canonical import plain
from runner.errors import IntegrityError
from runner.samples.sample import Completion, Fact, ImageRef, Sample

MAX_BYTES = 8 * 2**30  # of one of these files, for those that read it whole
MAX_LINE_BYTES = 256 * 2**20
Value = TypeVar("Value")


def file_blocks(rows: Iterable[Sample] | Iterable[Completion]) -> Iterator[bytes]:
    """What a file of these rows holds, in blocks."""
    lines = (
        json.dumps(plain(row), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        for row in rows
    )
    return blocks(lines)


def blocks(lines: Iterable[str]) -> Iterator[bytes]:
    """UTF-8 lines, about a block of writing at a time, so that they never lie in memory all at once."""
    block = bytearray()
    for line in lines:
        block += line.encode() + b"\n"
        if len(block) >= files.BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def write_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Write samples; equal samples make equal bytes."""
    files.write_bytes(path, file_blocks(samples))


def write_completions(path: Path, completions: Iterable[Completion]) -> None:
    """Write completions; equal completions make equal bytes."""
    files.write_bytes(path, file_blocks(completions))


def _read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of a file, one line in memory at a time."""
    with files.open_regular(path) as f:
        # A file's own lines end at a line feed alone; JSON strings may hold U+2028 and its like.
        for number, line in enumerate(iter(lambda: f.readline(MAX_LINE_BYTES), b""), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode())
            except (ValueError, RecursionError) as error:
                raise IntegrityError(f"{path}:{number}: not valid JSON: {error}") from error
            if not isinstance(row, dict):
                raise IntegrityError(f"{path}:{number}: not a JSON object")
            yield number, row


def sample_from(row: dict[str, Any]) -> Sample:
    """A sample from its plain form.

    Raises:
        TypeError, KeyError, AttributeError: the row has another shape.
    """
    facts = [Fact(**{**f, "aliases": _texts(f["aliases"]), "forbid": _texts(f["forbid"])}) for f in row["facts"]]
    images = [ImageRef(**image) for image in row["images"]]
    sample = Sample(**{**row, "images": tuple(images), "facts": tuple(facts), "fields": dict(row["fields"])})
    parts: list[Sample | Fact | ImageRef] = [sample, *facts, *images]
    for part in parts:
        _check(part)
    if not all(isinstance(v, str) for v in (*sample.fields, *sample.fields.values())):
        raise TypeError("`fields` holds something that is no text")
    return sample


def completion_from(row: dict[str, Any]) -> Completion:
    """A completion from its plain form.

    Raises:
        TypeError: the row has another shape.
    """
    completion = Completion(**row)
    _check(completion)
    return completion


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
        raise TypeError("not a list of texts")
    return tuple(values)


def _check(value: Sample | Fact | ImageRef | Completion) -> None:
    for field in dataclasses.fields(value):
        wanted = {"str": str, "int": int}.get(str(field.type))
        if wanted and type(getattr(value, field.name)) is not wanted:
            raise TypeError(f"`{field.name}` is not of type {field.type}")


def stream_samples(path: Path) -> Iterator[Sample]:
    """Samples that `write_samples` wrote, one in memory at a time.

    Raises:
        InvalidError: the file is missing or no plain file.
        IntegrityError: a line is not a sample, so somebody changed the file.
    """
    return (_typed(path, number, sample_from, row) for number, row in _read(path))


def read_samples(path: Path) -> tuple[Sample, ...]:
    """All samples of a file; see `stream_samples`."""
    return tuple(stream_samples(path))


def read_completions(path: Path) -> tuple[Completion, ...]:
    """Completions that `write_completions` wrote.

    Raises:
        InvalidError: the file is missing or no plain file.
        IntegrityError: a line is not a completion, so somebody changed the file.
    """
    return tuple(_typed(path, number, completion_from, row) for number, row in _read(path))


def _typed(path: Path, number: int, make: Callable[[dict[str, Any]], Value], row: dict[str, Any]) -> Value:
    try:
        return make(row)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise IntegrityError(f"{path}:{number}: not a row that lorarun wrote: {error}") from error
