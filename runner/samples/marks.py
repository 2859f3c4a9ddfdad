"""Marks of samples: digests by which rows of different data sets are told to be the same without reading both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runner import files
from runner.errors import IntegrityError
from runner.samples.images import ImageFacts
from runner.samples.io import MAX_LINE_BYTES, blocks
from runner.samples.sample import Sample
from runner.samples.text import bare


@dataclass(frozen=True, slots=True)
class Mark:
    """One sample. The digest of its whole prompt is "" for samples with images, as images tell those apart."""

    source: str  # "data/demo/train.jsonl:12"
    prompt: str
    images: tuple[str, ...] = ()  # digests of their pixels
    looks: tuple[tuple[str, str], ...] = ()  # pixels and, in hex digits, look of those whose look says anything


def mark_of(sample: Sample, facts: Mapping[str, ImageFacts]) -> Mark:
    """The mark of a sample; case, white space and punctuation of its prompt do not count.

    Args:
        facts: of its images, by path.
    """
    images = [facts[i.path] for i in sample.images]
    looks = tuple((f.pixel_digest, f.look.hex()) for f in images if not f.flat)
    text = "" if sample.images else bare(sample.prompt)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if text else ""
    return Mark(sample.source, digest, tuple(f.pixel_digest for f in images), looks)


def marks_blocks(marks: Iterable[Mark]) -> Iterator[bytes]:
    """What a file of marks holds, in blocks."""
    rows = ([m.source, m.prompt, m.images, m.looks] for m in marks)
    return blocks(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)


def read_marks(path: Path) -> tuple[Mark, ...]:
    """Marks as `marks_blocks` wrote them.

    Raises:
        InvalidError: the file is missing or no plain file.
        IntegrityError: somebody changed it.
    """
    with files.open_regular(path) as f:
        return tuple(_mark(path, line) for line in iter(lambda: f.readline(MAX_LINE_BYTES), b""))


def _mark(path: Path, line: bytes) -> Mark:
    try:
        source, prompt, images, looks = json.loads(line)
        return Mark(str(source), str(prompt), tuple(map(str, images)), tuple((str(p), str(k)) for p, k in looks))
    except (ValueError, TypeError, RecursionError) as error:
        raise IntegrityError(f"`{path}` does not hold marks as lorarun writes them: {error}") from error
