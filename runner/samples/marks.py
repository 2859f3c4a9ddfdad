"""Marks of samples: digests by which rows of different data sets are told to be the same without reading both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runner import files
from runner.errors import Diagnostic, IntegrityError
from runner.samples.findings import Findings
from runner.samples.io import MAX_LINE_BYTES, blocks
from runner.samples.sample import Sample
from runner.samples.text import bare


@dataclass(frozen=True, slots=True)
class Mark:
    """One sample. The digest of its whole prompt is "" for samples with images, as images tell those apart."""

    source: str  # "data/demo/train.jsonl:12"
    prompt: str
    images: tuple[str, ...] = ()


def mark_of(sample: Sample) -> Mark:
    """The mark of a sample; case, white space and punctuation of its prompt do not count."""
    text = "" if sample.images else bare(sample.prompt)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if text else ""
    return Mark(sample.source, digest, tuple(i.digest for i in sample.images))


def write_marks(path: Path, marks: Iterable[Mark]) -> None:
    """Write marks, one a line; they never lie in memory all at once."""
    lines = (json.dumps([m.source, m.prompt, *m.images], ensure_ascii=False, separators=(",", ":")) for m in marks)
    files.write_bytes(path, blocks(lines))


def read_marks(path: Path) -> tuple[Mark, ...]:
    """Marks as `write_marks` wrote them.

    Raises:
        InvalidError: the file is missing or no plain file.
        IntegrityError: somebody changed it.
    """
    with files.open_regular(path) as f:
        return tuple(_mark(path, line) for line in iter(lambda: f.readline(MAX_LINE_BYTES), b""))


def _mark(path: Path, line: bytes) -> Mark:
    try:
        source, prompt, *images = json.loads(line)
    except (ValueError, TypeError, RecursionError) as error:
        raise IntegrityError(f"`{path}` does not hold marks as lorarun writes them: {error}") from error
    return Mark(str(source), str(prompt), tuple(map(str, images)))


def compare(judged: Iterable[Mark], learned: Mapping[str, Iterable[Mark]], *, allowed: str) -> Findings:
    """What a judged split shares with rows that other data sets learn from, by name of the data set.

    Args:
        allowed: the reason why that may be; "" makes every shared row an error.
    """
    places: dict[str, str] = {}
    for name, marks in learned.items():
        for mark in marks:
            for key in (mark.prompt, *mark.images):
                places.setdefault(key, f"{mark.source}, which `{name}` learns from")
    places.pop("", None)
    findings = Findings()
    for mark in judged:
        what = [("E734", "the same image as", i) for i in mark.images] + [("E731", "the same input as", mark.prompt)]
        for code, how, key in what:
            if key in places:
                findings.add(_shared(code, f"{how} {places[key]}", mark.source, allowed))
                break
    return findings


def _shared(code: str, message: str, source: str, allowed: str) -> Diagnostic:
    path, _, line = source.rpartition(":")
    return Diagnostic(
        code,
        message,
        path=path or source,
        line=int(line) if line.isdigit() else 0,
        severity="warning" if allowed else "error",
        help="" if allowed else "take the row out of one of them, or give a reason in `allow_overlap`",
        note=f"allowed by the spec: {allowed}" if allowed else "",
    )
