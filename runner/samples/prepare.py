"""`prepare`: a data set's files → samples, after every check that needs no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.errors import Diagnostic, InvalidError
from runner.samples.content import Content
from runner.samples.dataset import DatasetSpec
from runner.samples.findings import Findings
from runner.samples.formats import find_image, read_rows, shown_path, with_image_column
from runner.samples.hub_id import is_hub_id
from runner.samples.images import ImageFacts, inspect_image
from runner.samples.overlap import TRAIN, Entry, Overlap
from runner.samples.render import placeholders
from runner.samples.rows import Row
from runner.samples.sample import ImageRef, Sample
from runner.samples.shape import RowError, Shaped, shape

MAJORITY = 0.5  # a share of equal answers from which a guess is worth mentioning
FEW = 10  # rows; fewer say nothing about labels
LANGUAGE_SHIFT = 0.2


@dataclass(frozen=True)
class Prepared:
    """A data set, checked. `report` is plain data for the record: tallies, overlaps, counts of findings."""

    samples: dict[str, tuple[Sample, ...]]
    findings: tuple[Diagnostic, ...]
    report: dict[str, Any]
    images: Mapping[str, ImageFacts] = field(default_factory=dict)  # by path


def prepare(dataset: DatasetSpec, root: Path) -> Prepared:
    """Read and check every split below `root`.

    Raises:
        InvalidError: anything is wrong with it; every finding is in `diagnostics`, warnings too.
    """
    placeholders(dataset.prompt)
    paths = _paths(dataset, root)
    findings = Findings()
    reading = _Reading(dataset, root, paths, findings)
    # Held-out splits first: the rows of `train` are compared with them as they stream by.
    samples = {
        split: tuple(reading.split(split)) for split in sorted(paths, key=lambda s: (s == TRAIN, s != "test", s))
    }
    reading.finish()
    if findings.has_errors:
        raise InvalidError.of(findings.all())
    return Prepared({split: samples[split] for split in paths}, findings.all(), reading.report(), reading.images())


def _paths(dataset: DatasetSpec, root: Path) -> dict[str, Path]:
    folder = root / dataset.path
    if not folder.is_dir() and is_hub_id(dataset.path) and not folder.parent.is_dir():
        raise InvalidError(
            f"`{dataset.path}` is a data set on the hub, and its files are not in the project",
            help=f"where there is a network: `lorarun data import hf:{dataset.path}`, then name the folder it made",
        )
    if not dataset.splits:
        raise InvalidError(f"the data set `{dataset.id}` names no splits", help="splits: {train: train.jsonl, test: …}")
    paths = {split: folder / name for split, name in dataset.splits.items()}
    missing = [path for path in paths.values() if not path.exists()]
    outside = [p for p in (folder, *paths.values()) if ".." in p.parts or not p.is_relative_to(root)]
    found = [Diagnostic("E700", "is not inside the project", path=str(p)) for p in outside]
    found += [Diagnostic("E700", "is not there", path=str(p.relative_to(root))) for p in missing if p not in outside]
    if found:
        raise InvalidError.of(found)
    return paths


class _Reading:
    """One pass over the splits: rows in, samples out, every check on the way."""

    def __init__(self, dataset: DatasetSpec, root: Path, paths: dict[str, Path], findings: Findings) -> None:
        self._dataset, self._root, self._paths, self._findings = dataset, root, paths, findings
        self._folder = root / dataset.path
        self._shown = {split: shown_path(dataset, path, root) for split, path in paths.items()}
        self._content = {split: Content(self._shown[split], findings) for split in paths}
        self._overlap = Overlap(self._shown, findings, allowed=dataset.allow_overlap)
        self._images: dict[str, tuple[ImageRef, ImageFacts] | str] = {}
        self._ids: dict[str, str] = {}

    def split(self, split: str) -> Iterator[Sample]:
        """The samples of one split."""
        path, shown = self._paths[split], self._shown[split]
        dataset = with_image_column(self._dataset, path)
        self._overlap.open(split)
        named = 0
        for row in read_rows(dataset, path, self._root, self._findings):
            try:
                shaped = shape(row, dataset)
                images = [self._image(name) for name in shaped.images]
            except RowError as error:
                self._findings.error(error.code, error.message, shown, row.line, help=error.help)
                continue
            named += bool(shaped.id)
            sample = self._sample(split, row, shaped, [ref for ref, _ in images])
            self._overlap.add(
                split,
                Entry(row.line, shaped.input, shaped.reference, tuple(facts for _, facts in images), shaped.cluster),
            )
            self._content[split].add(sample, row.line)
            yield sample
        rows = self._content[split].rows
        if not rows and not self._findings.has_errors:
            self._findings.error("E706", "the split has no rows", shown)
        if 0 < named < rows:
            self._findings.error("E719", f"{rows - named:,} of {rows:,} rows have no `{dataset.id_column}`", shown)

    def _sample(self, split: str, row: Row, shaped: Shaped, images: list[ImageRef]) -> Sample:
        where = f"{self._shown[split]}:{row.line}"
        identity = shaped.id or f"{split}-{row.line}"
        other = self._ids.setdefault(identity, where)
        if other != where:
            message = f"the id `{identity[:80]}` is that of {other} as well"
            self._findings.error("E720", message, self._shown[split], row.line)
        return Sample(
            id=identity,
            prompt=shaped.prompt,
            reference=shaped.reference,
            images=tuple(images),
            system=shaped.system,
            facts=shaped.facts,
            cluster=shaped.cluster,
            fields=shaped.fields,
            source=where,
        )

    def _image(self, name: str) -> tuple[ImageRef, ImageFacts]:
        if name not in self._images:
            try:
                path = find_image(self._folder, name)
                facts = inspect_image(path, self._root)
                shown = path.relative_to(self._root).as_posix()
                self._images[name] = ImageRef(shown, facts.digest, facts.width, facts.height), facts
                self._describe(shown, facts)
            except InvalidError as error:
                self._images[name] = f"`{name[:200]}`: {error.message}"
        known = self._images[name]
        if isinstance(known, str):
            raise RowError("E721", known)
        return known

    def _describe(self, shown: str, facts: ImageFacts) -> None:
        if facts.orientation != 1:
            message = f"is stored turned (EXIF orientation {facts.orientation}), which not every program heeds"
            self._findings.warning("W721", message, shown, help="store it upright, as `lorarun data import` does")
        if facts.frames > 1:
            self._findings.warning("W722", f"has {facts.frames} frames, and only the first is used", shown)

    def finish(self) -> None:
        """Compare what was gathered from all splits."""
        self._overlap.finish()
        train = self._content.get(TRAIN)
        for split, content in self._content.items():
            self._single(split, content)
            if train and split != TRAIN and train.rows and content.rows:
                self._against_train(split, content, train)

    def _single(self, split: str, content: Content) -> None:
        report = content.report()
        rate, distinct = report["majority_rate"], report["distinct_references"]
        if rate is not None and distinct is not None and rate >= MAJORITY and content.rows >= FEW:
            message = f"{rate:.0%} of the answers are `{report['majority_reference']}`: guessing it scores as much"
            self._findings.warning("W742", message, self._shown[split])
        if self._dataset.facts and report["rows_with_facts"] < content.rows:
            n = content.rows - report["rows_with_facts"]
            self._findings.warning("W743", f"{n:,} of {content.rows:,} rows have no facts", self._shown[split])
        if content.first_unstated:
            line, fact = content.first_unstated
            n = report["facts_not_in_reference"]
            message = f"the right answer does not state its fact `{fact[:80]}`"
            note = f"{n:,} of {report['facts']:,} facts of this split are so; the right answer itself would not score 1"
            self._findings.warning("W746", message, self._shown[split], line, note=note)

    def _against_train(self, split: str, content: Content, train: Content) -> None:
        shown = self._shown[split]
        if content.usual_head is not None and train.usual_head not in (None, content.usual_head):
            message = f"prompts begin `{content.usual_head}`, and those of train `{train.usual_head}`"
            self._findings.warning("W744", message, shown)
        if not content.systems <= train.systems:
            self._findings.warning("W744", "has system texts that train has not", shown)
        for language in ("ko", "en", "other"):
            here, there = content.share(language), train.share(language)
            if abs(here - there) > LANGUAGE_SHIFT:
                message = f"{here:.0%} of the answers are in `{language}`, and {there:.0%} of those of train"
                self._findings.warning("W745", message, shown)

    def images(self) -> dict[str, ImageFacts]:
        """What is known of each image, by its path."""
        return {known[0].path: known[1] for known in self._images.values() if not isinstance(known, str)}

    def report(self) -> dict[str, Any]:
        """Tallies, overlaps and counts of findings as plain data."""
        return {
            "splits": {split: content.report() for split, content in self._content.items()},
            "overlap": dict(sorted(self._overlap.counts.items())),
            "overlap_allowed": self._dataset.allow_overlap,
            "findings": self._findings.counts(),
        }
