"""The per-sample ledger of one evaluation: what a tuning fixed, made worse, kept and left wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runner.acceptance.model import Check
from runner.report import hostile
from runner.report.difference import Difference, difference
from runner.report.reading import Evidence, Row, figure, items, mapping, text

STATES = ("regressed", "wrong", "improved", "fixed", "kept", "unscored")
_EQUAL = 1e-12


@dataclass(frozen=True)
class Picture:
    """An image of a sample: its thumbnail as a data URL ("" where there is none) and where the file was."""

    url: str
    path: str


@dataclass(frozen=True)
class Stage:
    """What one stage of a chain answered before the last one."""

    id: str
    before: str
    after: str


@dataclass(frozen=True)
class SampleRow:
    """One sample with both answers. Texts are cut to the ledger's limit and safe to show once escaped."""

    id: str
    state: str
    prompt: str
    system: str
    reference: str
    pictures: tuple[Picture, ...]
    before: str
    after: str
    difference: Difference
    score_before: float | None
    score_after: float | None
    gain: float  # in the metric's own direction; 0 where unknown
    scores: tuple[tuple[str, float | None, float | None], ...]
    cut_off: bool  # an answer ended at its token limit
    source: str
    cluster: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class SampleLedger:
    """The samples of one evaluation, worst news first."""

    evaluation: str
    metric: str  # which metric's score decides the states
    direction: str
    graded: bool  # the score is not only right or wrong
    total: int
    counts: tuple[tuple[str, int], ...]  # every state with at least one sample
    rows: tuple[SampleRow, ...]

    @property
    def prompt(self) -> str:
        """The prompt that all samples share; "" where they differ."""
        return self._common([row.prompt for row in self.rows])

    @property
    def system(self) -> str:
        """The system text that all samples share; "" where they differ."""
        return self._common([row.system for row in self.rows])

    @staticmethod
    def _common(texts: Sequence[str]) -> str:
        return texts[0] if len(texts) > 1 and len(set(texts)) == 1 else ""


def deciding_metric(evaluation: str, checks: Sequence[Check], evidence: Evidence) -> str:
    """The metric of the evaluation's first target; without one, of its first guard, then the first that was scored."""
    for kind in ("target", "guard"):
        for check in checks:
            if check.kind == kind and check.metric.startswith(evaluation + "."):
                return check.metric.removeprefix(evaluation + ".")
    return next(iter(evidence.metrics.get(evaluation, [])), "")


def state_of(before: float | None, after: float | None, *, lower: bool, best: float | None) -> str:
    """One of `STATES`: fixed is better and fully right, improved only better, wrong is unchanged and not right."""
    if before is None or after is None:
        return "unscored"
    gain = (before - after) if lower else (after - before)
    right = best is not None and abs(after - best) <= _EQUAL
    if abs(gain) <= _EQUAL:
        return "kept" if right else "wrong"
    if gain < 0:
        return "regressed"
    return "fixed" if right else "improved"


def ledger(
    evaluation: str, evidence: Evidence, checks: Sequence[Check], *, best: float | None, limit: int, pictures: int
) -> SampleLedger:
    """The ledger of an evaluation.

    Args:
        best: the best score that a sample can have, or None where there is no such value.
        limit: characters of a text that are kept.
        pictures: bytes of thumbnails that are kept, over all rows; those of the worst news go first.
    """
    metric = deciding_metric(evaluation, checks, evidence)
    directions = [c.direction for c in checks if c.metric == f"{evaluation}.{metric}" and c.direction]
    lower = bool(directions) and directions[0] == "lower"
    ids = evidence.samples.get(evaluation, {})
    rows = [
        _row(evaluation, sample, row, evidence, metric, lower=lower, best=best, limit=limit)
        for sample, row in ids.items()
    ]
    rows.sort(key=lambda r: (STATES.index(r.state), r.gain))
    rows = _within(rows, pictures)
    states = [r.state for r in rows]
    counts = tuple((s, states.count(s)) for s in STATES if s in states)
    values = {v for r in rows for v in (r.score_before, r.score_after) if v is not None}
    return SampleLedger(
        evaluation=evaluation,
        metric=metric,
        direction="lower" if lower else "higher",
        graded=len(values) > 2,
        total=len(rows),
        counts=counts,
        rows=tuple(rows),
    )


def _row(
    evaluation: str,
    sample: str,
    row: Row,
    evidence: Evidence,
    metric: str,
    *,
    lower: bool,
    best: float | None,
    limit: int,
) -> SampleRow:
    answers = {arm: evidence.completions.get((evaluation, arm, sample), {}) for arm in ("before", "after")}
    scores = {
        name: tuple(evidence.scores.get((evaluation, arm, name), {}).get(sample) for arm in ("before", "after"))
        for name in evidence.metrics.get(evaluation, [])
    }
    old, new = scores.get(metric, (None, None))
    gain = 0.0 if old is None or new is None else (old - new if lower else new - old)
    before, after = (hostile.visible(text(answers[arm].get("text")), limit) for arm in ("before", "after"))
    return SampleRow(
        id=hostile.one_line(sample, 200),
        state=state_of(old, new, lower=lower, best=best),
        prompt=hostile.visible(text(row.get("prompt")), limit),
        system=hostile.visible(text(row.get("system")), limit),
        reference=hostile.visible(text(row.get("reference")), limit),
        pictures=_pictures(row),
        before=before,
        after=after,
        difference=difference(before, after),
        score_before=figure(old),
        score_after=figure(new),
        gain=gain,
        scores=tuple((name, *pair) for name, pair in scores.items()),  # type: ignore[misc]
        cut_off=any(a.get("finish_reason") == "length" for a in answers.values()),
        source=hostile.one_line(text(row.get("source")), 200),
        cluster=hostile.one_line(text(row.get("cluster")), 200),
        stages=_stages(evaluation, sample, evidence, limit),
    )


def _pictures(row: Row) -> tuple[Picture, ...]:
    return tuple(
        Picture(hostile.thumbnail(image.get("thumbnail")), hostile.one_line(text(image.get("path")), 200))
        for image in [mapping(i) for i in items(row.get("images"))][:8]
    )


def _within(rows: list[SampleRow], most: int) -> list[SampleRow]:
    """The rows with as many thumbnails as fit into `most` bytes, the first rows' first."""
    left, kept = most, list[SampleRow]()
    for row in rows:
        shown = []
        for picture in row.pictures:
            left -= len(picture.url)
            shown.append(picture if left >= 0 else replace(picture, url=""))
        kept.append(replace(row, pictures=tuple(shown)))
    return kept


def _stages(evaluation: str, sample: str, evidence: Evidence, limit: int) -> tuple[Stage, ...]:
    names = [arm.removeprefix("after/") for arm in evidence.arms.get(evaluation, []) if arm.startswith("after/")]
    answers: Mapping[tuple[str, str, str], Row] = evidence.completions
    return tuple(
        Stage(
            hostile.one_line(name, 80),
            *(
                hostile.visible(text(answers.get((evaluation, f"{arm}/{name}", sample), {}).get("text")), limit)
                for arm in ("before", "after")
            ),
        )
        for name in names
    )
