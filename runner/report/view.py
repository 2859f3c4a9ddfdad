"""What a report says, before it is put into words: a pure function of record, evidence and history.

Knows no format and no language; templates turn its values into text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.acceptance.chain import Ledger as Fates
from runner.acceptance.chain import Share
from runner.acceptance.model import Check, Scorecard
from runner.errors import IntegrityError
from runner.metrics.model import MetricInfo
from runner.metrics.table import info_of
from runner.record.codec import record_id
from runner.record.model import Record, StepRecord
from runner.record.observations import Points, timelines
from runner.report import chain, datasets, explain, ledger, reading, rehearsal, runs, sweep, training
from runner.report.chain import Attribution
from runner.report.datasets import DataFinding, DataSplit, TokenLengths
from runner.report.explain import Baselines
from runner.report.fates import fates
from runner.report.ledger import SampleLedger
from runner.report.proof import Proof, gated
from runner.report.reading import Evidence, Row, figure, items, mapping, text
from runner.report.rehearsal import Rehearsal
from runner.report.runs import Runs
from runner.report.sweep import Sweep
from runner.verify.unproven import Unproven, unproven

STATUSES = ("PASS", "FAIL", "INCONCLUSIVE", "ERROR")


@dataclass(frozen=True)
class TrendPoint:
    """One record's value of a target's metric."""

    record_id: str
    created: str
    before: float | None
    after: float | None
    status: str


@dataclass(frozen=True)
class Trend:
    """A target's metric over all records of a campaign, oldest first."""

    target: str
    title: str
    metric: str
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True)
class View:
    """All that a report of one record shows."""

    record: Record
    record_id: str
    stated: str  # the verdict that the record states
    proof: Proof | None
    checks: tuple[Check, ...]
    scorecard: Scorecard | None
    memory: training.Memory
    curves: tuple[training.Curve, ...]
    attributions: tuple[Attribution, ...]
    shares: tuple[tuple[Share, ...], ...]  # for each attribution, how its gain splits
    fates: tuple[Fates | None, ...]  # for each attribution, what became of its samples
    ledgers: tuple[SampleLedger, ...]
    baselines: tuple[Baselines, ...]
    more_baselines: tuple[Baselines, ...]  # of the other metrics that the record has them for
    sweeps: tuple[Sweep, ...]
    rehearsals: tuple[Rehearsal, ...]
    runs: Runs
    splits: tuple[DataSplit, ...]
    lengths: tuple[TokenLengths, ...]
    findings: tuple[DataFinding, ...]
    trends: tuple[Trend, ...]
    history: tuple[Record, ...]
    history_ids: tuple[str, ...]

    def _about(self, key: str) -> str:
        return text(reading.metadata(self.record.spec).get(key))

    @property
    def title(self) -> str:
        """The campaign's title, or its name."""
        return self._about("title") or self.record.campaign

    @property
    def description(self) -> str:
        """What the campaign is about."""
        return self._about("description")

    @property
    def owner(self) -> str:
        """Whose campaign it is."""
        return self._about("owner")

    @property
    def priority(self) -> str:
        """How urgent it is."""
        return self._about("priority")

    @property
    def status(self) -> str:
        """The verdict that holds: the record's own, or REFUSED and the like where `check` speaks against it."""
        return gated(self.stated, self.proof)

    @property
    def reason(self) -> str:
        """The gate's own words for the verdict."""
        return text(self.record.verdict.get("reason"))

    @property
    def unproven(self) -> tuple[Unproven, ...]:
        """The kinds of figures that `check` cannot prove."""
        return unproven(self.record)

    def of_kind(self, *kinds: str) -> tuple[Check, ...]:
        """The checks of these kinds, in the verdict's order."""
        return tuple(c for c in self.checks if c.kind in kinds)

    @property
    def targets(self) -> tuple[Check, ...]:
        """The targets."""
        return self.of_kind("target")

    @property
    def guards(self) -> tuple[Check, ...]:
        """The guards, those that fell first."""
        rank = {"error": 0, "fail": 1, "inconclusive": 2, "warn": 3}
        return tuple(sorted(self.of_kind("guard"), key=lambda c: rank.get(c.status, 4)))

    @property
    def kept_guards(self) -> tuple[tuple[str, tuple[Check, ...]], ...]:
        """The guards that passed without a word, by evaluation."""
        kept = [c for c in self.guards if c.status == "pass"]
        names = dict.fromkeys(c.metric.partition(".")[0] for c in kept)
        return tuple((name, tuple(c for c in kept if c.metric.partition(".")[0] == name)) for name in names)

    @property
    def limits(self) -> tuple[Check, ...]:
        """Everything that is neither target nor guard."""
        return tuple(c for c in self.checks if c.kind not in {"target", "guard"})

    @property
    def ran(self) -> tuple[StepRecord, ...]:
        """The steps that were not cached."""
        return tuple(s for s in self.record.steps if s.action != "cached")


def metric_info(metric: str) -> MetricInfo | None:
    """What is known of "<evaluation>.<metric>", options left aside."""
    return info_of(metric.partition(".")[2])


def best_of(metric: str) -> float | None:
    """The best value of "<evaluation>.<metric>": the good end of its range, None where that is open or not known."""
    info = metric_info(metric)
    return info.best if info else None


def view(
    record: Record,
    evidence: Sequence[Row],
    history: Sequence[Record],
    *,
    limit: int = 2000,
    pictures: int = 6_000_000,
    proof: Proof | None = None,
) -> View:
    """Everything that a report of `record` shows. Texts of samples are cut to `limit` characters, their thumbnails to
    `pictures` bytes in all.
    """
    rows = reading.evidence(evidence)
    checks = tuple(reading.check(c) for c in items(record.verdict.get("checks")))
    past = _past(record, history)
    stored = [dict(row) for row in evidence]
    chains = _attributions(record, rows, checks)
    targets = [c for c in checks if c.kind == "target"]
    return View(
        record=record,
        record_id=next(id for id, known in past if known is record),
        stated=_stated(record),
        proof=proof,
        checks=checks,
        scorecard=reading.scorecard(record.verdict.get("scorecard")),
        memory=training.memory(record.steps, record.quantities, _timelines(record, stored)),
        curves=training.curves(record.steps, record.spec),
        attributions=chains,
        shares=tuple(explain.shares(record, stored, made) for made in chains),
        fates=tuple(fates(made, rows) if record.evidence_mode == "full" else None for made in chains),
        ledgers=_ledgers(rows, checks, limit, pictures),
        baselines=explain.baselines(record, stored, targets),
        more_baselines=explain.other_baselines(record, targets),
        sweeps=sweep.sweeps(record.steps),
        rehearsals=rehearsal.rehearsals(record.steps),
        runs=runs.runs(record.steps),
        splits=datasets.splits(record.data),
        lengths=datasets.lengths(record.data),
        findings=datasets.findings(record.data),
        trends=_trends(checks, past),
        history=tuple(known for _, known in past),
        history_ids=tuple(id for id, _ in past),
    )


def _timelines(record: Record, rows: Sequence[Row]) -> Mapping[str, Points]:
    """Memory over time, by step; none where a record that nobody checked holds something else."""
    try:
        return timelines(record, rows)
    except IntegrityError:
        return {}


def _stated(record: Record) -> str:
    status = text(record.verdict.get("status"))
    return status if status in STATUSES else "ERROR"


def _past(record: Record, history: Sequence[Record]) -> tuple[tuple[str, Record], ...]:
    """The campaign's records with their ids, oldest first, this one among them. An id costs a digest: made once."""
    known = {record_id(r): r for r in history if r.campaign == record.campaign and r.kind == "campaign"}
    known[record_id(record)] = record
    return tuple(sorted(known.items(), key=lambda pair: (pair[1].created, pair[0])))


def _ledgers(rows: Evidence, checks: Sequence[Check], limit: int, pictures: int) -> tuple[SampleLedger, ...]:
    found: list[SampleLedger] = []
    illustrated = sum(any(row.get("images") for row in own.values()) for own in rows.samples.values())
    pictures //= max(1, illustrated)
    for evaluation in rows.samples:
        metric = ledger.deciding_metric(evaluation, checks, rows)
        best = best_of(f"{evaluation}.{metric}")
        found.append(ledger.ledger(evaluation, rows, checks, best=best, limit=limit, pictures=pictures))
    return tuple(found)


def _attributions(record: Record, rows: Evidence, checks: Sequence[Check]) -> tuple[Attribution, ...]:
    chains, tunes = mapping(record.spec.get("chains")), mapping(record.spec.get("tunes"))
    found: list[Attribution] = []
    for evaluation, about in mapping(record.spec.get("evaluations")).items():
        subject = text(mapping(about).get("subject"))
        subject = text(mapping(tunes.get(subject)).get("chain")) or subject
        stages = [mapping(s) for s in items(mapping(chains.get(subject)).get("stages"))]
        if len(stages) < 2:
            continue
        metric = ledger.deciding_metric(evaluation, checks, rows)
        made = chain.attribution(
            evaluation,
            metric,
            mapping(record.chains.get(evaluation)),
            mapping(record.measures.get(f"{evaluation}.{metric}")),
            stages=tuple(text(s.get("id")) for s in stages),
            tuned=tuple(text(s.get("adapter")) or "base" for s in stages),
            best=best_of(f"{evaluation}.{metric}"),
        )
        found += [made] if made else []
    return tuple(found)


def _trends(checks: Sequence[Check], past: Sequence[tuple[str, Record]]) -> tuple[Trend, ...]:
    return tuple(
        Trend(c.id, c.title, c.metric, tuple(_trend_point(c, *known) for known in past))
        for c in checks
        if c.kind == "target"
    )


def _trend_point(target: Check, id: str, record: Record) -> TrendPoint:
    same: list[Any] = [c for c in map(mapping, items(record.verdict.get("checks"))) if c.get("id") == target.id]
    about = same[0] if same else {}
    before, after = figure(about.get("before")), figure(about.get("after"))
    return TrendPoint(id, record.created, before, after, text(about.get("status")))
