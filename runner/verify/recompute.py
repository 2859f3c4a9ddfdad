"""Record + evidence → metrics, statistics and verdict, computed again and compared with what the record says.

Knows no checkout, no git and no model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from runner import __version__
from runner.acceptance.model import Measure, Verdict
from runner.canonical import plain
from runner.errors import LorarunError, some
from runner.metrics.facts import DERIVATION
from runner.metrics.measure import measure
from runner.metrics.model import Scores
from runner.metrics.table import signature
from runner.plan.arms import stages_of
from runner.record import judgement, observations, restore
from runner.record.evidence import Row
from runner.record.model import Record, StepRecord
from runner.record.summary import summarise
from runner.spec.model import EvaluationSpec, MetricSpec, Spec
from runner.verify.model import Finding, cut, failed, ok

RELATIVE_TOLERANCE = 1e-9  # between two machines' mathematics libraries
ABSOLUTE_TOLERANCE = 1e-12

WORDS = ("title", "want", "got", "reason")  # may change with lorarun's version; nothing else in a verdict may


ScoresAgain = dict[tuple[str, str, str], Scores]  # (evaluation, arm, metric) → what the completions give


@dataclass(frozen=True)
class Recomputed:
    """What the evidence gives. `verdict` is None where the evidence does not suffice."""

    findings: tuple[Finding, ...]
    verdict: Verdict | None
    scores: ScoresAgain = field(default_factory=dict)


def recompute(record: Record, spec: Spec, rows: Sequence[Row], attempts: dict[str, tuple[str, ...]]) -> Recomputed:
    """Judge `rows` anew, with `attempts` as the history gives them."""
    scores: ScoresAgain = {}
    try:
        findings = list(_metrics(record, spec, rows, scores))
        measures = judgement.measures_of(spec, rows, values_of(record))
        seen = observations.as_seen(record, rows)
        quantities = judgement.quantities_of(measures, seen)
        verdict = judgement.verdict_of(
            spec, measures, quantities, attempts=attempts, failures=failures_of(record.steps)
        )
    except LorarunError as error:
        return Recomputed((failed("metrics", error.message),), None)
    findings += _compare("measures", restore.plain_measures(measures), _judged(record, measures))
    recorded = {k: {"value": q.value, "unit": q.unit, "reason": q.reason} for k, q in quantities.items()}
    findings += _compare("quantities", recorded, record.quantities)
    findings += _memory(record, seen)
    findings += _chains(record)
    findings += _verdict(record, verdict)
    findings += _compare("summary", plain(summarise(spec.ssot_fields, measures, verdict)), record.summary)
    return Recomputed(tuple(findings), verdict, scores)


def _memory(record: Record, seen: Sequence[StepRecord]) -> Iterator[Finding]:
    """What the record says of its steps' memory against what was observed of it."""
    wrong = list(observations.disagreements(record, seen))
    if wrong:
        yield failed("memory", f"the record's steps do not have the memory that was observed: {some(wrong)}")
    elif record.observed:
        watched = sum("peak_bytes" in s.memory for s in seen)
        yield ok("memory", f"peaks and gaps of {watched} steps recomputed from what the guard saw")


def failures_of(steps: Sequence[StepRecord]) -> tuple[str, ...]:
    """The failed steps of a run, one sentence each."""
    return tuple(f"{s.id}: {s.reasons[-1] if s.reasons else 'failed'}" for s in steps if s.action == "failed")


def values_of(record: Record) -> dict[tuple[str, str, str], float]:
    """(evaluation, arm, metric) → the aggregate that the record holds."""
    values = {}
    for name, arms in record.measures.items():
        evaluation, _, metric = name.partition(".")
        for arm, entry in (arms if isinstance(arms, dict) else {}).items():
            value = entry.get("value") if isinstance(entry, dict) else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                values[(evaluation, arm, metric)] = float(value)
    return values


def _chains(record: Record) -> Iterator[Finding]:
    """The table of a chain's arms against the measures, whose every value is held to its scores."""
    proven, wrong = values_of(record), []
    for evaluation, arms in record.chains.items():
        for arm, entry in (arms if isinstance(arms, dict) else {"": arms}).items():
            values = {metric: value for (e, a, metric), value in proven.items() if (e, a) == (evaluation, arm)}
            recorded = entry.get("values") if isinstance(entry, dict) else entry
            wrong += [f"arm `{cut(repr(arm))}`: {one}" for one in differences(values, recorded)]
    if wrong:
        yield failed("chains", f"the record's chain table is not what its evidence gives: {some(wrong)}")


def _judged(record: Record, measures: dict[str, Measure]) -> dict[str, Any]:
    """The recorded measures without the arms that only explain."""
    kept = {}
    for name, arms in record.measures.items():
        main = {arm: entry for arm, entry in arms.items() if arm in ("before", "after")}
        if name in measures or len(main) == 2:
            kept[name] = main
    return kept


def _metrics(record: Record, spec: Spec, rows: Sequence[Row], scores: ScoresAgain) -> Iterator[Finding]:
    """Every stored score against the score that its completion gets, which is put into `scores`."""
    values = values_of(record)
    count, wrong, unread = 0, [], []
    for evaluation in spec.evaluations.values():
        for arm in _arms(rows, evaluation.id):
            for metric in evaluation.metrics:
                value = values.get((evaluation.id, arm, metric.id))
                stored = restore.scores(rows, evaluation.id, arm, metric.id, math.nan if value is None else value)
                name = f"{evaluation.id}.{metric.id} ({arm})"
                if stored is None:
                    if value is not None:
                        wrong.append(f"{name} has a value and no scores")
                    continue
                known = signature(metric.name, metric.options, format=evaluation.format)
                full = record.evidence_mode == "full" and stored.signature.removesuffix(DERIVATION) == known
                again = _again(spec, evaluation, metric, arm, rows) if full else None
                if stored.signature not in ([again.signature] if again else [known, known + DERIVATION]):
                    unread.append(f"{name} was measured as `{stored.signature}`")
                elif again:
                    count += len(stored.values)
                    scores[evaluation.id, arm, metric.id] = again
                    wrong += _score_differences(name, stored, again)
    yield from _scores_without_metric(spec, rows)
    if unread:
        yield Finding("metrics", "stale", f"{some(unread)}; this version of lorarun measures otherwise")
    if wrong:
        yield failed("metrics", f"{some(wrong)}")
    elif record.evidence_mode != "full":
        yield Finding("metrics", "unchecked", "the evidence holds digests of texts, so scores were not recomputed")
    else:
        yield ok("metrics", f"{count} scores recomputed from their completions")


def _arms(rows: Sequence[Row], evaluation: str) -> list[str]:
    found = {r["arm"] for r in rows if "arm" in r and r["evaluation"] == evaluation}
    return sorted(arm for arm in found if "/" not in arm) or ["before", "after"]


def _scores_without_metric(spec: Spec, rows: Sequence[Row]) -> Iterator[Finding]:
    known = {(e.id, m.id) for e in spec.evaluations.values() for m in e.metrics}
    foreign = sorted(
        {f"{r['evaluation']}.{r['metric']}" for r in rows if r["kind"] == "score"}
        - {f"{evaluation}.{metric}" for evaluation, metric in known}
    )
    if foreign:
        yield failed("metrics", f"the evidence scores what the spec does not measure: {some(foreign)}")


def _again(spec: Spec, evaluation: EvaluationSpec, metric: MetricSpec, arm: str, rows: Sequence[Row]) -> Scores:
    return measure(
        metric.name,
        metric.options,
        restore.samples(rows, evaluation.id),
        restore.completions(rows, evaluation.id, arm),
        upstream=restore.upstream(rows, evaluation.id, arm, [s.id for s in stages_of(spec, evaluation)]),
        format=evaluation.format,
    )


def _score_differences(name: str, stored: Scores, again: Scores) -> list[str]:
    if not close(stored.value, again.value):
        return [f"{name} is recorded as {stored.value:.6g}, its completions give {again.value:.6g}"]
    new = dict(zip(again.sample_ids, again.values, strict=True))
    if set(new) != set(stored.sample_ids):
        return [f"{name} is scored on other samples than the evidence holds"]
    for sample, value in zip(stored.sample_ids, stored.values, strict=True):
        if not close(value, new[sample]):
            return [f"{name}: sample `{sample}` is scored {value:.6g}, its completion gives {new[sample]:.6g}"]
    rows = dict(zip(again.sample_ids, again.statistics, strict=False))
    for sample, row in zip(stored.sample_ids, stored.statistics, strict=False):
        if not differs_nowhere(list(row), list(rows.get(sample, ()))):
            return [f"{name}: the statistics of sample `{sample}` are not what its completion gives"]
    return [] if bool(rows) == bool(stored.statistics) else [f"{name} lacks its statistics"]


def _verdict(record: Record, verdict: Verdict) -> Iterator[Finding]:
    again = plain(verdict)
    figures = list(differences(_figures(again), _figures(record.verdict)))
    if figures:
        yield failed(
            "verdict", f"the record says {record.verdict.get('status')}, recomputed {verdict.status}: {some(figures)}"
        )
        return
    yield ok("verdict", f"{verdict.status}, recomputed from the evidence: {verdict.reason}")
    words = list(differences(again, record.verdict))
    if words and record.lorarun == __version__:
        yield failed("verdict", f"the record words its verdict otherwise: {some(words)}")
    elif words:
        named = f"another version of lorarun ({cut(repr(record.lorarun))})"
        version = named if record.lorarun else "a version not named"
        said = f"worded by {version}, so its words are not proven, its figures are"
        yield Finding("verdict", "unchecked", f"{said}: {some(words)}", by_version=True)


def _figures(value: Any) -> Any:
    """A verdict without its words."""
    if isinstance(value, dict):
        return {name: _figures(one) for name, one in value.items() if name not in WORDS}
    return [_figures(one) for one in value] if isinstance(value, list) else value


def _compare(name: str, again: Any, recorded: Any) -> Iterator[Finding]:
    found = list(differences(again, recorded))
    if found:
        yield failed(name, f"the record's {name} are not what its evidence gives: {some(found)}")


def differences(again: Any, recorded: Any, place: str = "") -> Iterator[str]:
    """Where two plain values differ by more than rounding."""
    if isinstance(again, dict) and isinstance(recorded, dict):
        for key in sorted(again.keys() | recorded.keys()):
            where = f"{place}.{key}" if place else str(key)
            if key not in again or key not in recorded:
                yield f"`{where}` is only in the {'evidence' if key in again else 'record'}"
            else:
                yield from differences(again[key], recorded[key], where)
    elif isinstance(again, list) and isinstance(recorded, list) and len(again) == len(recorded):
        for i, (one, two) in enumerate(zip(again, recorded, strict=True)):
            yield from differences(one, two, f"{place}[{i}]")
    elif not _same(again, recorded):
        yield f"`{place}` is {cut(repr(again))}, recorded {cut(repr(recorded))}"


def differs_nowhere(again: Any, recorded: Any) -> bool:
    """Whether two plain values are equal but for rounding."""
    return next(differences(again, recorded), None) is None


def close(one: float, two: float) -> bool:
    """Equal but for the rounding of another machine's mathematics library."""
    return math.isclose(one, two, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, int | float) and isinstance(two, int | float):
        return close(one, two)
    return bool(one == two)
