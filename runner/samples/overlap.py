"""Do splits share rows? The same input, nearly the same text, the same image, one cluster on both sides.

Rows are fed split by split, held-out splits first, and only their digests are kept (and the held-out texts), so that a
million training rows fit in memory.
"""

from __future__ import annotations

import hashlib
import itertools
from array import array
from dataclasses import dataclass

from runner.errors import Diagnostic
from runner.samples.findings import Findings
from runner.samples.images import ImageFacts
from runner.samples.looks import alike
from runner.samples.near import LEAST_ANSWER, Found, HeldTexts
from runner.samples.shingles import shingles
from runner.samples.text import bare

TRAIN = "train"
_TWICE = "drop one of them: it counts twice"


@dataclass(frozen=True)
class Entry:
    """What is compared of one row."""

    line: int
    input: str
    reference: str
    images: tuple[ImageFacts, ...] = ()
    cluster: str = ""


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
        self._held: dict[str, HeldTexts] = {}  # inputs of rows without images
        self._answers: dict[str, HeldTexts] = {}  # right answers of rows with images
        self.counts: dict[str, int] = {}

    def open(self, split: str) -> None:
        """Say that the rows of `split` come next."""
        self._order.append(split)
        for held in (*self._held.values(), *self._answers.values()):
            held.close()
        if split != TRAIN:
            self._held[split] = HeldTexts()
            self._answers[split] = HeldTexts(as_forms=True, least=LEAST_ANSWER)

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
        if entry.images:
            self._near(self._answers, split, entry.line, bare(entry.reference))
        else:
            self._near(self._held, split, entry.line, text)

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

    def _near(self, held: dict[str, HeldTexts], split: str, line: int, text: str) -> None:
        every = shingles(text)
        for other, texts in held.items():
            if other != split:
                found = texts.ask((split, line), text, every)
                if found:
                    self._nearly(other, found)
        if split in held:
            held[split].add(line, text)

    def _nearly(self, other: str, found: Found) -> None:
        where = f"{self._paths[other]}:{found.line}"
        alike = f"{found.similarity:.0%} like {where}, which is in `{other}`"
        self._shared("E733", f"nearly the same input: {alike}", *found.place)

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
        for other, held in self._held.items():
            for found in held.finish():
                self._nearly(other, found)
            self._untold(other, held.without_fields(), len(held))
        for other, held in self._answers.items():
            for found in held.finish():
                self._answered(other, found)
        for other, split in itertools.combinations(self._order, 2):
            if self._looks[split] and self._looks[other]:
                self._alike(split, other)

    def _untold(self, split: str, rows: int, total: int) -> None:
        """Say that most rows of a form hold too little for a near-duplicate to be told from an ordinary row."""
        if rows and 2 * rows >= total:
            message = (
                f"{rows:,} of {total:,} rows hold so little besides wording that most share that a near-duplicate of "
                "one cannot be told from an ordinary row; only equal inputs are found"
            )
            self._findings.warning("W739", message, self._paths[split])

    def _answered(self, other: str, found: Found) -> None:
        split, line = found.place
        where = f"{self._paths[other]}:{found.line}"
        message = f"another image with nearly the answer of {where} ({found.similarity:.0%}), which is in `{other}`"
        self._count("W733")
        self._findings.warning(
            "W733", message, self._paths[split], line, help="see whether both are of one scene or document"
        )

    def _alike(self, split: str, other: str) -> None:
        rows, held = self._looks[split], self._looks[other]
        for i, j in alike([look for look, _ in rows], [look for look, _ in held]):
            message = f"an image that looks like that of {self._paths[other]}:{held[j][1]}, which is in `{other}`"
            self._count("W736")
            self._findings.warning("W736", message, self._paths[split], rows[i][1])

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
