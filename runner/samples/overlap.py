"""Do splits share rows? The same input, nearly the same text, the same image, one cluster on both sides.

Rows are fed split by split, held-out splits first, and only their digests are kept (and the held-out texts), so that a
million training rows fit in memory.
"""

from __future__ import annotations

import hashlib
import itertools
from array import array
from dataclasses import dataclass, field

import numpy as np

from runner.errors import Diagnostic
from runner.samples.findings import Findings
from runner.samples.images import ImageFacts
from runner.samples.shingles import ShingleIndex, shingles
from runner.samples.text import bare

TRAIN = "train"
LOOK_BITS = 10  # of 256; two images this close look the same
_CHUNK = 256
_TWICE = "drop one of them: it counts twice"


@dataclass(frozen=True)
class Entry:
    """What is compared of one row."""

    line: int
    input: str
    reference: str
    images: tuple[ImageFacts, ...] = ()
    cluster: str = ""


@dataclass
class _Held:
    """The texts of one held-out split, for near-duplicates."""

    lines: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    index: ShingleIndex | None = None


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class Overlap:
    """The comparison of all splits of one data set.

    `paths` are the files that findings name. With `allowed`, the reason a spec gives, errors become warnings.
    """

    def __init__(self, paths: dict[str, str], findings: Findings, *, allowed: str = "") -> None:
        self._paths, self._findings, self._allowed = paths, findings, allowed
        self._splits = list(paths)
        self._row_of: dict[int, int] = {}
        self._split, self._line = array("B"), array("Q")
        self._exact, self._reference = array("Q"), array("Q")
        self._pixels: dict[str, tuple[str, int]] = {}
        self._looks: dict[str, list[tuple[bytes, int]]] = {split: [] for split in paths}
        self._clusters: dict[str, set[str]] = {}
        self._order: list[str] = []
        self._held: dict[str, _Held] = {}
        self.counts: dict[str, int] = {}

    def open(self, split: str) -> None:
        """Say that the rows of `split` come next."""
        self._order.append(split)
        for held in self._held.values():
            if held.index is None:
                held.index = ShingleIndex(held.texts)
        if split != TRAIN:
            self._held[split] = _Held()

    def add(self, split: str, entry: Entry) -> None:
        """Compare one row with those before it."""
        self._add_cluster(split, entry)
        for image in entry.images:
            self._add_image(split, entry, image)
        text = bare(entry.input)
        if not text and not entry.images:
            return
        key = _hash("\0".join([text, *(image.pixel_digest for image in entry.images)]))
        earlier = self._row_of.get(key)
        if earlier is not None:
            self._same(split, entry, earlier)
            return
        self._row_of[key] = len(self._line)
        self._split.append(self._splits.index(split))
        self._line.append(entry.line)
        self._exact.append(_hash(entry.input))
        self._reference.append(_hash(bare(entry.reference)))
        if not entry.images:
            self._near(split, entry, text)

    def _same(self, split: str, entry: Entry, earlier: int) -> None:
        other, line = self._splits[self._split[earlier]], self._line[earlier]
        where = f"{self._paths[other]}:{line}"
        if other != split:
            exact = self._exact[earlier] == _hash(entry.input)
            code, how = (
                ("E731", "the same input as") if exact else ("E732", "but for case, spaces and marks the input of")
            )
            self._shared(code, f"{how} {where}, which is in `{other}`", split, entry.line)
        elif self._reference[earlier] != _hash(bare(entry.reference)):
            self._count("W738")
            self._findings.warning("W738", f"another answer to the input of {where}", self._paths[split], entry.line)
        else:
            self._count("W737")
            self._findings.warning("W737", f"the same row as {where}", self._paths[split], entry.line, help=_TWICE)

    def _near(self, split: str, entry: Entry, text: str) -> None:
        every = shingles(text)
        for other, held in self._held.items():
            near = held.index.find(text, every) if held.index and other != split else None
            if near:
                where = f"{self._paths[other]}:{held.lines[near.position]}"
                alike = f"{near.similarity:.0%} like {where}, which is in `{other}`"
                self._shared("E733", f"nearly the same input: {alike}", split, entry.line)
        if split in self._held:
            self._held[split].lines.append(entry.line)
            self._held[split].texts.append(text)

    def _add_image(self, split: str, entry: Entry, image: ImageFacts) -> None:
        other, line = self._pixels.setdefault(image.pixel_digest, (split, entry.line))
        if other != split:
            where = f"{self._paths[other]}:{line}"
            self._shared("E734", f"the same image as {where}, which is in `{other}`", split, entry.line)
        elif not image.flat:
            self._looks[split].append((image.look, entry.line))

    def _add_cluster(self, split: str, entry: Entry) -> None:
        if not entry.cluster:
            return
        splits = self._clusters.setdefault(entry.cluster, set())
        if split not in splits:
            for other in sorted(splits):
                self._shared("E735", f"the cluster `{entry.cluster[:80]}` is also in `{other}`", split, entry.line)
            splits.add(split)

    def finish(self) -> None:
        """Compare the looks of images, and say what could not be compared."""
        for split, held in self._held.items():
            index = held.index or ShingleIndex(held.texts)
            if held.texts and index.is_templated:
                share = f"{index.templated_share:.0%}"
                message = f"rows share {share} of their wording, so near-duplicates were not looked for"
                self._findings.warning("W739", message, self._paths[split])
        for other, split in itertools.combinations(self._order, 2):
            if self._looks[split] and self._looks[other]:
                self._alike(split, other)

    def _alike(self, split: str, other: str) -> None:
        rows, held = self._looks[split], self._looks[other]
        right = np.frombuffer(b"".join(look for look, _ in held), dtype=np.uint64).reshape(len(held), -1)
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            left = np.frombuffer(b"".join(look for look, _ in chunk), dtype=np.uint64).reshape(len(chunk), -1)
            distance = np.bitwise_count(left[:, None, :] ^ right[None, :, :]).sum(axis=2)
            for i in np.flatnonzero(distance.min(axis=1) <= LOOK_BITS):
                where = f"{self._paths[other]}:{held[int(distance[i].argmin())][1]}"
                message = f"an image that looks like that of {where}, which is in `{other}`"
                self._count("W736")
                self._findings.warning("W736", message, self._paths[split], chunk[int(i)][1])

    def _shared(self, code: str, message: str, split: str, line: int) -> None:
        self._count(code)
        if self._allowed:
            note = f"allowed by the spec: {self._allowed}"
            severity, help = "warning", ""
        else:
            note, severity = "", "error"
            help = "take the row out of one split, or give a reason in `allow_overlap`"
        self._findings.add(
            Diagnostic(code, message, path=self._paths[split], line=line, severity=severity, help=help, note=note)
        )

    def _count(self, code: str) -> None:
        self.counts[code] = self.counts.get(code, 0) + 1
