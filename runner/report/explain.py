"""What stands beside a gain: how a chain's gain splits between its tunings, and what answers without a model score.

Pure functions of record and evidence; what the evidence does not hold (arms, texts) is left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.acceptance import baselines as plain_answers
from runner.acceptance.chain import Share, arm, attribute
from runner.acceptance.model import Check
from runner.errors import LorarunError
from runner.metrics.measure import measure
from runner.metrics.model import Scores, sign_of
from runner.metrics.table import METRICS, info_of
from runner.record import restore
from runner.record.model import Record
from runner.report.chain import Attribution
from runner.report.reading import figure, mapping

MAX_CHARACTERS = 5_000_000  # of answers; scoring more would keep a reader waiting
Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Baseline:
    """What a rule without the tuned model scores on the same samples."""

    rule: str  # lead | copy | majority | length_matched, or a name that the record gives
    value: float
    beats: bool  # does as well as the tuned model or better


@dataclass(frozen=True)
class Baselines:
    """A target's metric before and after tuning, with the rules to beat beside it, the best rule first."""

    metric: str  # "<evaluation>.<metric>"
    before: float | None
    after: float | None
    wanted: float | None  # the value that the target asks for; None where it is no plain value
    rows: tuple[Baseline, ...]


def shares(record: Record, rows: Rows, made: Attribution) -> tuple[Share, ...]:
    """How the gain of a chain of two stages splits, with intervals; () where an arm of it is not in the evidence."""
    info = info_of(made.metric)
    seconds = [name for name in made.seconds if name != "base"]
    if info is None or len(made.stages) != 2 or not seconds:
        return ()
    arms: dict[str, Scores] = {}
    for choices, value in made.paths:
        stored = "before" if choices == ("base", "base") else "after" if choices == made.tuned else arm(*choices)
        found = restore.scores(rows, made.evaluation, stored, made.metric, value)
        if found is not None:
            arms[arm(*choices)] = found
    chained = made.tuned[1] if made.tuned[1] != seconds[0] else ""
    try:
        clusters = restore.clusters(restore.samples(rows, made.evaluation))
        split = attribute(
            arms,
            info,
            first=made.tuned[0],
            second=seconds[0],
            chain_adapter=chained,
            clusters=clusters,
            seed=record.seed,
        )
    except LorarunError:
        return ()
    return split.shares


def baselines(record: Record, rows: Rows, targets: Sequence[Check]) -> tuple[Baselines, ...]:
    """For each target's metric: what the record says of answers without a model, and what the evidence can tell."""
    found: dict[str, Baselines] = {}
    for check in targets:
        stated = mapping(mapping(record.measures.get(check.metric)).get("baselines"))
        values = {name: _value(value) for name, value in stated.items()}
        for name, value in (_measured(record, rows, check.metric) if rows else {}).items():
            values.setdefault(name, value)
        known = [(name, score) for name, score in values.items() if score is not None]
        if known and check.metric not in found:
            found[check.metric] = _rules(check, known)
    return tuple(found.values())


def other_baselines(record: Record, targets: Sequence[Check]) -> tuple[Baselines, ...]:
    """The same for every metric that is no target and whose baselines the record holds."""
    found: list[Baselines] = []
    aimed = {check.metric for check in targets}
    for metric, about in sorted(record.measures.items()):
        info = info_of(metric.partition(".")[2])
        values = {name: _value(value) for name, value in mapping(mapping(about).get("baselines")).items()}
        known = [(name, score) for name, score in values.items() if score is not None]
        if metric in aimed or info is None or not known:
            continue
        before, after = (_value(mapping(about).get(arm)) for arm in ("before", "after"))
        found.append(_rules(Check("", "", "", "", "", "", "", metric, info.direction, before, after), known))
    return tuple(found)


def _rules(check: Check, known: Sequence[tuple[str, float]]) -> Baselines:
    sign = sign_of(check.direction)
    after = check.after
    rows = [Baseline(name, score, after is not None and sign * (score - after) >= 0) for name, score in known]
    rows.sort(key=lambda row: -sign * row.value)
    wanted = None
    if check.before is not None and check.target is not None and check.effect in ("", "relative", "points"):
        wanted = check.before + sign * check.target * (1.0 if check.effect == "points" else abs(check.before))
    return Baselines(check.metric, check.before, after, wanted, tuple(rows))


def _value(stated: object) -> float | None:
    return figure(mapping(stated).get("value")) if isinstance(stated, Mapping) else figure(stated)


def _measured(record: Record, rows: Rows, metric: str) -> dict[str, float]:
    """The commonest reference as every answer, and the base model's answers cut to the tuned model's lengths."""
    evaluation, _, name = metric.partition(".")
    info = info_of(name)
    if (
        info is None
        or record.evidence_mode != "full"
        or {"upstream", "sampled", "greedy", "paraphrased"} & set(info.needs)
    ):
        return {}
    try:
        options = _options(name)
        samples = restore.samples(rows, evaluation)
        before, after = (restore.completions(rows, evaluation, which) for which in ("before", "after"))
        if sum(len(c.text) for c in (*before, *after)) > MAX_CHARACTERS:
            return {}
        answers = {k: v for k, v in plain_answers.no_model_answers(samples, samples).items() if k == "majority"}
        if before and after:
            answers["length_matched"] = plain_answers.length_matched(before, after)
        return {k: measure(info.name, options, samples, v).value for k, v in answers.items() if samples}
    except (LorarunError, ValueError):
        return {}


def _options(metric: str) -> dict[str, Any]:
    """The options that a metric's id names: `rougeL(unit=word)`, each of the type of its default."""
    name, _, given = metric.rstrip(")").partition("(")
    kinds = {option.name: type(option.default) for option in METRICS[name].options}
    pairs = [part.split("=", 1) for part in given.split(",") if "=" in part]
    return {key: kinds[key](value) for key, value in pairs if key in kinds}
