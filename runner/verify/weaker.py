"""Which thresholds of a policy are weaker than another's. Pure: two specs in, sentences out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runner.metrics.model import GUARDED
from runner.metrics.table import METRICS
from runner.spec.model import AcceptanceSpec, ChainSpec, GuardSpec, LimitSpec, MetricSpec, Spec, TargetSpec
from runner.spec.schema import PROOFS

# From the most lenient to the strictest.
ON_INCONCLUSIVE = ("warn", "fail")
EVIDENCE = ("digests", "full")  # without texts, scores are taken as they are
# Fields of a data set that decide which samples there are and what a right answer is. `source` is for people only.
READ = (
    "path",
    "format",
    "revision",
    "prompt",
    "system",
    "id_column",
    "image",
    "reference",
    "facts",
    "cluster_by",
)
# How answers are made: other settings give other answers, also of the model before tuning that a gain is measured on.
ANSWERED = ("max_tokens", "temperature", "top_p", "consistency_temperature")
REPEATS = ("consistency_samples", "consistency_runs", "determinism_samples")  # answers asked for again


@dataclass(frozen=True)
class Weakening:
    """One threshold that lets more pass than before."""

    place: str  # acceptance.targets[qwen_accuracy].min_improvement
    message: str


def weakenings(before: Spec, after: Spec) -> tuple[Weakening, ...]:
    """Every place where `after` is easier to pass than `before`. What cannot be compared counts as easier."""
    found = [*_targets(before, after), *_guards(before.acceptance, after.acceptance)]
    found += _limits(before.acceptance, after.acceptance)
    found += _ceiling("limits.memory", before.limits.memory_bytes, after.limits.memory_bytes)
    found += _ranked("evidence", EVIDENCE, before.evidence, after.evidence)
    found += _measured(before, after)
    return tuple(found)


def _measured(before: Spec, after: Spec) -> Iterator[Weakening]:
    """What the verdict is measured on and how: another reading of a metric, or other data, is another gate."""
    for name, metrics in sorted(_judged(before).items()):
        old, new = before.evaluations[name], after.evaluations.get(name)
        if new is None:
            yield Weakening(f"evaluations.{name}", "the evaluation was taken away")
            continue
        for field in ("subject", "dataset", "split", "format", "paraphrases"):
            yield from _same(f"evaluations.{name}.{field}", getattr(old, field), getattr(new, field))
        for field in ANSWERED:
            place = f"evaluations.{name}.generate.{field}"
            yield from _same(place, getattr(old.generate, field), getattr(new.generate, field))
        for field in REPEATS:
            place = f"evaluations.{name}.generate.{field}"
            yield from _floor(place, getattr(old.generate, field), getattr(new.generate, field))
        if old.subject in before.chains and old.subject in after.chains:
            yield from _stages(before.chains[old.subject], after.chains[old.subject])
        options, ids = {m.name: m.options for m in new.metrics}, {m.id for m in new.metrics}
        for metric in metrics:
            place = f"evaluations.{name}.metrics[{metric.name}]"
            if metric.name in options:
                yield from _same(place, metric.options, options[metric.name]) if metric.id not in ids else ()
            else:
                yield Weakening(place, "it is no longer measured, so nothing holds it")
    yield from _data(before, after)


def _stages(before: ChainSpec, after: ChainSpec) -> Iterator[Weakening]:
    """How long the answers of a judged chain's stages may be."""
    there = {stage.id: stage for stage in after.stages}
    for stage in before.stages:
        if stage.id in there:
            place = f"chains.{before.id}.stages[{stage.id}].max_tokens"
            yield from _same(place, stage.max_tokens, there[stage.id].max_tokens)


def _judged(spec: Spec) -> dict[str, list[MetricSpec]]:
    """evaluation → those of its metrics that a target, a limit or a guard of the policy holds."""
    policy = spec.acceptance
    found: dict[str, list[MetricSpec]] = {}
    named = {target.metric for target in policy.targets} | {limit.metric for limit in policy.limits}
    watched = policy.guards.metrics if policy.guards else ()
    named |= set(() if isinstance(watched, str) else watched)
    for evaluation in spec.evaluations.values():
        for metric in evaluation.metrics:
            # A name without its evaluation stands for all that measure it.
            names = {metric.name, metric.id, f"{evaluation.id}.{metric.name}", f"{evaluation.id}.{metric.id}"}
            guarded = isinstance(watched, str) and metric.name in METRICS and METRICS[metric.name].is_guarded(watched)
            if names & named or guarded:
                found.setdefault(evaluation.id, []).append(metric)
    return found


def _data(before: Spec, after: Spec) -> Iterator[Weakening]:
    """The data sets of what is judged: other data under the same name is another gate."""
    splits = {(before.evaluations[name].dataset, before.evaluations[name].split) for name in _judged(before)}
    for name in sorted({dataset for dataset, _ in splits} & after.datasets.keys()):
        old, new = before.datasets[name], after.datasets[name]
        for field in READ:
            yield from _same(f"datasets.{name}.{field}", getattr(old, field), getattr(new, field))
        for split in sorted(split for dataset, split in splits if dataset == name):
            yield from _same(f"datasets.{name}.splits.{split}", old.splits.get(split), new.splits.get(split))
        if new.allow_overlap and not old.allow_overlap:
            yield Weakening(f"datasets.{name}.allow_overlap", f"rows shared by splits are allowed: {new.allow_overlap}")


def _targets(before: Spec, after: Spec) -> Iterator[Weakening]:
    there = {t.id: t for t in after.acceptance.targets}
    # The default is lower where targets of another evaluation have to be met as well: the whole gate is no easier.
    measured = {(t.id, t.metric) for t in after.acceptance.targets}
    only_added = measured > {(t.id, t.metric) for t in before.acceptance.targets}
    written = _with_confidence(before) | _with_confidence(after)
    for old in before.acceptance.targets:
        place = f"acceptance.targets[{old.id}]"
        if old.id not in there:
            yield Weakening(place, "the target was taken away")
            continue
        yield from _target(place, old, there[old.id])
        if not only_added or old.id in written:
            yield from _floor(f"{place}.confidence", old.confidence, there[old.id].confidence)


def _with_confidence(spec: Spec) -> set[str]:
    """Ids of the targets whose confidence is written in the spec, where it is not the default then."""
    shared = ("acceptance", "defaults", "confidence") in spec.positions
    targets = enumerate(spec.acceptance.targets)
    return {t.id for i, t in targets if shared or ("acceptance", "targets", i, "confidence") in spec.positions}


def _target(place: str, old: TargetSpec, new: TargetSpec) -> Iterator[Weakening]:
    yield from _same(f"{place}.metric", old.metric, new.metric)
    yield from _same(f"{place}.kind", old.kind, new.kind)
    for name in ("min_improvement", "min_samples"):
        yield from _floor(f"{place}.{name}", getattr(old, name), getattr(new, name))
    yield from _ceiling(f"{place}.max_attempts", old.max_attempts, new.max_attempts)
    yield from _ranked(f"{place}.proof", PROOFS, old.proof, new.proof)
    yield from _ranked(f"{place}.on_inconclusive", ON_INCONCLUSIVE, old.on_inconclusive, new.on_inconclusive)


def _guards(before: AcceptanceSpec, after: AcceptanceSpec) -> Iterator[Weakening]:
    old, new = before.guards, after.guards
    if old is None:
        return
    if new is None:
        yield Weakening("acceptance.guards", "the guards were taken away")
        return
    yield from _watched(old, new)
    for name in ("max_regression", "max_observed_drop"):
        yield from _ceiling(f"acceptance.guards.{name}", getattr(old, name), getattr(new, name))
    # A drop is proven at this confidence: asking for more lets more drops pass. Where nothing lost is to be proven,
    # it is the other way round.
    grows = _floor if new.test == "noninferior" else _ceiling
    yield from grows("acceptance.guards.confidence", old.confidence, new.confidence)
    if old.test != "holm":  # the most lenient of the three; the other two cannot be compared
        yield from _same("acceptance.guards.test", old.test, new.test)


def _watched(old: GuardSpec, new: GuardSpec) -> Iterator[Weakening]:
    place = "acceptance.guards.metrics"
    if isinstance(old.metrics, str) and isinstance(new.metrics, str):
        yield from _ranked(place, GUARDED, old.metrics, new.metrics)
    elif isinstance(old.metrics, str):
        yield Weakening(place, f"`{old.metrics}` became a list")
    elif not isinstance(new.metrics, str):
        for name in old.metrics:
            if name not in new.metrics:
                yield Weakening(place, f"`{name}` is no longer guarded")
    elif new.metrics != "all":
        yield Weakening(place, f"a list became `{new.metrics}`")


def _limits(before: AcceptanceSpec, after: AcceptanceSpec) -> Iterator[Weakening]:
    there: dict[str, LimitSpec] = {limit.id: limit for limit in after.limits}
    for old in before.limits:
        place = f"acceptance.limits[{old.id}]"
        new = there.get(old.id)
        if new is None:
            yield Weakening(place, "the limit was taken away")
            continue
        yield from _same(f"{place}.metric", old.metric, new.metric)
        yield from _ceiling(f"{place}.max", old.max, new.max)
        if old.min is not None:
            yield from _floor(f"{place}.min", old.min, new.min)
        if old.equals is not None:
            yield from _same(f"{place}.equals", old.equals, new.equals)


def _floor(place: str, old: float, new: float | None) -> Iterator[Weakening]:
    if new is None:
        yield Weakening(place, f"{_say(old)} was taken away")
    elif new < old:
        yield Weakening(place, f"{_say(old)} → {_say(new)}")


def _ceiling(place: str, old: float | None, new: float | None) -> Iterator[Weakening]:
    if old is None:
        return
    if new is None:
        yield Weakening(place, f"{_say(old)} was taken away")
    elif new > old:
        yield Weakening(place, f"{_say(old)} → {_say(new)}")


def _same(place: str, old: Any, new: Any) -> Iterator[Weakening]:
    if old != new:
        yield Weakening(place, f"{_say(old)} → {_say(new)}")


def _ranked(place: str, ranks: tuple[str, ...], old: str, new: str) -> Iterator[Weakening]:
    known = old in ranks and new in ranks
    if old != new and (not known or ranks.index(new) < ranks.index(old)):
        yield Weakening(place, f"{old} → {new}")


def _say(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
