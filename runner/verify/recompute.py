"""Record + evidence → metrics, statistics and verdict, computed again and compared with what the record says.

Knows no checkout, no git and no model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from runner import __version__
from runner.acceptance.model import RULES, Measure, Verdict
from runner.canonical import plain
from runner.errors import IntegrityError, LorarunError, some
from runner.metrics.facts import DERIVATION
from runner.metrics.measure import measure
from runner.metrics.model import Scores
from runner.metrics.table import signature
from runner.plan.arms import arms_of, stages_of
from runner.record import judgement, observations, restore
from runner.record.evidence import ANSWERS, Row
from runner.record.model import Record, StepRecord
from runner.record.summary import summarise
from runner.spec.model import EvaluationSpec, MetricSpec, Spec
from runner.verify.model import Finding, cut, failed, mapping, ok

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
    try:
        _hold_asked(spec, rows)
        scored = list(_scored(record, spec, rows))
        measures = judgement.measures_of(spec, rows, values_of(record))
        seen = observations.as_seen(record, rows)
        quantities = judgement.quantities_of(measures, seen)
        verdict = judgement.verdict_of(
            spec, measures, quantities, attempts=attempts, failures=failures_of(record.steps)
        )
    except LorarunError as error:
        return Recomputed((failed("metrics", error.message),), None)
    findings = list(_metrics(record, scored))
    findings += _compare("measures", restore.plain_measures(measures), _judged(record, measures))
    recorded = {k: {"value": q.value, "unit": q.unit, "reason": q.reason} for k, q in quantities.items()}
    findings += _compare("quantities", recorded, record.quantities)
    findings += _memory(record, seen)
    findings += _chains(record)
    findings += _verdict(record, verdict)
    findings += _summary(record, plain(summarise(spec.ssot_fields, measures, verdict)))
    return Recomputed(tuple(findings), verdict, {one.place: one.again for one in scored if one.again})


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
        for arm, entry in mapping(arms).items():
            value = mapping(entry).get("value")
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
        main = {arm: entry for arm, entry in mapping(arms).items() if arm in ("before", "after")}
        if name in measures or len(main) == 2:
            kept[name] = main
    return kept


@dataclass(frozen=True)
class _Scored:
    """One metric of one arm, and the scores that its completions get. `again` is None where they can't be had here."""

    place: tuple[str, str, str]
    again: Scores | None = None
    wrong: tuple[str, ...] = ()
    unread: str = ""


def _scored(record: Record, spec: Spec, rows: Sequence[Row]) -> Iterator[_Scored]:
    """Every stored score against the score that its completion gets."""
    values = values_of(record)
    for evaluation in spec.evaluations.values():
        for arm in _arms(values, rows, evaluation.id):
            for metric in evaluation.metrics:
                place = (evaluation.id, arm, metric.id)
                value, name = values.get(place), f"{evaluation.id}.{metric.id} ({arm})"
                stored = restore.scores(rows, *place, math.nan if value is None else value)
                if stored is None:
                    if value is not None:
                        yield _Scored(place, wrong=(f"{name} has a value and no scores",))
                    continue
                known = signature(metric.name, metric.options, format=evaluation.format)
                full = record.evidence_mode == "full" and stored.signature.removesuffix(DERIVATION) == known
                again = _again(spec, evaluation, metric, arm, rows) if full else None
                if stored.signature not in ([again.signature] if again else [known, known + DERIVATION]):
                    yield _Scored(place, unread=f"{name} was measured as `{stored.signature}`")
                elif again:
                    yield _Scored(place, again, tuple(_score_differences(name, stored, again)))


def _metrics(record: Record, scored: Sequence[_Scored]) -> Iterator[Finding]:
    unread = [one.unread for one in scored if one.unread]
    wrong = [text for one in scored for text in one.wrong]
    if unread:
        yield Finding("metrics", "stale", f"{some(unread)}; this version of lorarun measures otherwise")
    if wrong:
        yield failed("metrics", f"{some(wrong)}")
    elif record.evidence_mode != "full":
        yield Finding("metrics", "unchecked", "the evidence holds digests of texts, so scores were not recomputed")
    else:
        count = sum(len(one.again.values) for one in scored if one.again)
        yield ok("metrics", f"{count} scores recomputed from their completions")


def _arms(values: Iterable[tuple[str, str, str]], rows: Sequence[Row], evaluation: str) -> list[str]:
    """Arms that have rows or a value."""
    found = {r["arm"] for r in rows if "arm" in r and r["evaluation"] == evaluation}
    found |= {arm for name, arm, _ in values if name == evaluation}
    return sorted(arm for arm in found if "/" not in arm)


def _hold_asked(spec: Spec, rows: Sequence[Row]) -> None:
    """Refuse rows that nothing in the spec asks for: people would read them as proven.

    Raises:
        IntegrityError: there are some.
    """
    asked = set(_asked(spec))
    samples = {(r["evaluation"], r["sample"]) for r in rows if r["kind"] == "sample"}
    found: dict[str, None] = {}
    for row in (r for r in rows if r["kind"] in ANSWERS):
        place = (row["kind"], row["evaluation"], row.get("arm", ""), row.get("metric", ""))
        if place not in asked:
            found[_words(*place)] = None
        elif (row["evaluation"], row["sample"]) not in samples:
            found[f"{_words(*place)} for `{cut(row['sample'])}`, which is no sample"] = None
    if found:
        raise IntegrityError(f"the evidence holds what the spec does not ask for: {some(list(found))}")


def _asked(spec: Spec) -> Iterator[tuple[str, str, str, str]]:
    """(kind, evaluation, arm, metric) of every row that a run of the spec may have."""
    for evaluation in spec.evaluations.values():
        yield "sample", evaluation.id, "", ""
        for arm in arms_of(spec, evaluation):
            yield "completion", evaluation.id, arm.id, ""
            for stage in stages_of(spec, evaluation)[:-1]:
                yield "completion", evaluation.id, f"{arm.id}/{stage.id}", ""
            for metric in evaluation.metrics:
                yield "score", evaluation.id, arm.id, metric.id


def _words(kind: str, evaluation: str, arm: str, metric: str) -> str:
    return cut(f"{kind}s of {evaluation}" + (f" ({arm})" if arm else "") + (f" by {metric}" if metric else ""))


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


def _rules(verdict: Any) -> Any:
    """By which rules a verdict was made; records that do not say so are of the first."""
    return mapping(verdict).get("rules", 1)


def _summary(record: Record, again: dict[str, Any]) -> Iterator[Finding]:
    recorded = dict(record.summary)
    if _rules(record.verdict) != RULES:  # its outcome is the verdict's own, which `_verdict` speaks of
        again = {**again, "verdict": record.verdict.get("status")}
        again.pop("scorecard", None)
        recorded.pop("scorecard", None)
    yield from _compare("summary", again, recorded)


def _by_other_rules(record: Record, again: dict[str, Any]) -> Iterator[Finding]:
    """A verdict of other rules than today's: its outcomes are compared, its figures have none to compare with."""
    rules = f"judged by other rules ({cut(repr(_rules(record.verdict)))}) than today's ({RULES})"
    moved = list(differences(_outcomes(again), _outcomes(record.verdict)))
    if moved:
        yield Finding("verdict", "stale", f"{rules}, by which it is {again['status']}: {some(moved)}")
    else:
        said = f"{again['status']} and each check as recorded, but {rules}, so its figures are not proven"
        yield Finding("verdict", "unchecked", said, by_version=True)


def _outcomes(verdict: dict[str, Any]) -> dict[str, Any]:
    listed = verdict.get("checks")
    checks = [mapping(check) for check in listed] if isinstance(listed, list) else []
    return {"status": verdict.get("status"), **{f"check `{cut(c.get('id'))}`": c.get("status") for c in checks}}


def _verdict(record: Record, verdict: Verdict) -> Iterator[Finding]:
    again = plain(verdict)
    if _rules(record.verdict) != RULES:
        yield from _by_other_rules(record, again)
        return
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
