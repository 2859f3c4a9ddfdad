"""What a record says of its data: the splits with their figures, and what the data checks found."""

from __future__ import annotations

from dataclasses import dataclass

from runner.report.reading import Row, figure, items, mapping, text


@dataclass(frozen=True)
class DataFinding:
    """A finding of the data checks."""

    dataset: str
    severity: str
    code: str
    message: str
    location: str


@dataclass(frozen=True)
class DataSplit:
    """One split of a data set as it was measured. A figure that the checks did not give is None."""

    dataset: str
    split: str
    rows: float | None
    groups: float | None
    images: float | None
    languages: tuple[tuple[str, float], ...]  # the commonest first
    prompt: tuple[float | None, float | None]  # characters: median, longest
    reference: tuple[float | None, float | None]
    majority: float | None  # share of rows whose reference is the commonest one
    digest: str


@dataclass(frozen=True)
class TokenLengths:
    """How long a tuning's rows are in tokens: median and greatest."""

    tune: str
    split: str
    rows: float | None
    row: tuple[float | None, float | None]
    answer: tuple[float | None, float | None]
    prompts_cut: float | None  # rows whose prompt was shortened to fit


def lengths(data: Row) -> tuple[TokenLengths, ...]:
    """The rows of every tuning as its tokenizer counts them, as far as they were counted."""
    found = [
        _lengths(tune, split, mapping(about))
        for entry in data.values()
        for tune, own in mapping(_report(entry).get("lengths")).items()
        for split, about in mapping(own).items()
        if mapping(mapping(about).get("row_tokens"))
    ]
    return tuple(found)


def _lengths(tune: str, split: str, about: Row) -> TokenLengths:
    row, answer = (mapping(about.get(f"{of}_tokens")) for of in ("row", "answer"))
    return TokenLengths(
        tune=tune,
        split=split,
        rows=figure(about.get("rows")),
        row=(figure(row.get("p50")), figure(row.get("most"))),
        answer=(figure(answer.get("p50")), figure(answer.get("most"))),
        prompts_cut=figure(about.get("prompts_cut")),
    )


def splits(data: Row) -> tuple[DataSplit, ...]:
    """All splits, in the order that they are used in."""
    rank = {"train": 0, "valid": 1, "test": 2}
    found = [
        _split(dataset, split, mapping(about), mapping(_report(entry).get("splits")))
        for dataset, entry in data.items()
        for split, about in mapping(mapping(entry).get("splits")).items()
    ]
    return tuple(sorted(found, key=lambda s: (s.dataset, rank.get(s.split, 3), s.split)))


def findings(data: Row) -> tuple[DataFinding, ...]:
    """What the data checks found."""
    found: list[DataFinding] = []
    for dataset, entry in data.items():
        checks = mapping(mapping(entry).get("checks"))
        for row in [mapping(r) for r in items(checks.get("findings"))]:
            place = text(row.get("path")) + (f":{row['line']}" if row.get("line") else "")
            severity = "error" if row.get("severity") == "error" else "warning"
            found.append(DataFinding(dataset, severity, text(row.get("code")), text(row.get("message")), place))
    return tuple(found)


def _report(entry: object) -> Row:
    return mapping(mapping(mapping(entry).get("checks")).get("report"))


def _split(dataset: str, split: str, about: Row, reports: Row) -> DataSplit:
    report = mapping(reports.get(split))
    spoken = [(name, n) for name, value in mapping(report.get("languages")).items() if (n := figure(value)) is not None]

    def characters(of: str) -> tuple[float | None, float | None]:
        known = mapping(report.get(f"{of}_characters"))
        return figure(known.get("p50")), figure(known.get("most"))

    return DataSplit(
        dataset=dataset,
        split=split,
        rows=figure(about.get("rows")),
        groups=figure(report.get("clusters")),
        images=figure(report.get("images")),
        languages=tuple(sorted(spoken, key=lambda pair: (-pair[1], pair[0]))),
        prompt=characters("prompt"),
        reference=characters("reference"),
        majority=figure(report.get("majority_rate")),
        digest=text(about.get("digest")),
    )
