"""Can the criteria be judged: targets, guards, limits and the scorecard, against what is measured."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from runner.metrics.table import METRICS
from runner.spec import units
from runner.spec.draft import Draft
from runner.spec.model import Key, LimitSpec, PillarSpec, TargetSpec
from runner.spec.resolve import QUANTITIES
from runner.spec.suggest import closest, did_you_mean

GROUPS = ("targets", "guards", "limits", "memory")  # names that stand for all checks of a kind
_TARGETS: Key = ("acceptance", "targets")
_LIMITS: Key = ("acceptance", "limits")


def check(draft: Draft) -> None:
    """Report all that is wrong or odd in `acceptance` and `scorecard`."""
    _ids(draft)
    for i, target in enumerate(draft.spec.acceptance.targets):
        _target(draft, target, (*_TARGETS, _index(draft, _TARGETS, target.id, i)))
    _guards(draft)
    for i, limit in enumerate(draft.spec.acceptance.limits):
        _limit(draft, limit, (*_LIMITS, _index(draft, _LIMITS, limit.id, i)))
    _scorecard(draft)
    if not draft.tree.data.get("acceptance"):
        draft.warn_key(
            ("metadata",),
            "W506",
            "nothing is asked of the result: there is no `acceptance`",
            help="add targets or guards",
        )


def _index(draft: Draft, place: Key, name: str, position: int) -> int:
    """Where the entry stands in the document: faulty entries before it were left out of the spec."""
    listed = draft.tree.data["acceptance"][place[-1]]
    matches = [
        i for i, item in enumerate(listed) if isinstance(item, dict) and name in (item.get("id"), item.get("metric"))
    ]
    return position if position in matches or not matches else matches[0]


def _listed(draft: Draft, kind: str) -> list[Any]:
    """What the document writes under `acceptance.targets` or `.limits`, whatever it is; nothing where it is no list."""
    acceptance = draft.tree.data.get("acceptance")
    listed = acceptance.get(kind) if isinstance(acceptance, dict) else None
    return listed if isinstance(listed, list) else []


def _ids(draft: Draft) -> None:
    seen: set[str] = set()
    for kind in ("targets", "limits"):
        for i, item in enumerate(_listed(draft, kind)):
            if not isinstance(item, dict):
                continue
            name = item.get("id") or (item.get("metric") if kind == "limits" else None)
            if not isinstance(name, str):
                continue
            place: Key = ("acceptance", kind, i)
            if name in seen:
                draft.error((*place, "id"), "E203", f"two checks are called `{name}`", help="rename one")
            if name in GROUPS:
                help = "it stands for all checks of that kind"
                draft.error((*place, "id"), "E203", f"a check cannot be called `{name}`", help=help)
            seen.add(name)


def _target(draft: Draft, target: TargetSpec, place: Key) -> None:
    found = draft.must_be_measured((*place, "metric"), target.metric, directed=True)
    raw = draft.tree.data["acceptance"]["targets"][place[-1]]["min_improvement"]
    if target.kind == "error_reduction" and target.min_improvement > 1:
        draft.error((*place, "min_improvement"), "E214", f"no error can be reduced by {raw}", help="100% is all of it")
    if not found:
        return
    evaluation, metric = found
    info = METRICS.get(metric.name)
    if info is None:
        return
    if not info.directed:
        message = f"`{metric.name}` has no better or worse, so it cannot be a target"
        draft.error((*place, "metric"), "E209", message, help="set a limit on it, or choose another metric")
        return
    if evaluation.subject in draft.spec.models:
        message = f"`{evaluation.id}` measures the untuned `{evaluation.subject}`, which nothing improves"
        draft.error((*place, "metric"), "E215", message, help="measure a tune or a chain")
    _reachable(draft, target, place, info.low, info.high, info.direction, str(raw))
    if info.kind == "operation":
        message = f"`{metric.name}` says how a model answers, not how well"
        draft.warn((*place, "metric"), "W507", message, help="a target is better set on a quality metric")
    if evaluation.split != "test":
        message = f"`{evaluation.id}` is measured on `{evaluation.split}`, where settings are chosen"
        draft.warn((*place, "metric"), "W508", message, help="judge on `test`")


def _reachable(
    draft: Draft, target: TargetSpec, place: Key, low: float | None, high: float | None, direction: str, raw: str
) -> None:
    at = (*place, "min_improvement")
    span = None if low is None or high is None else high - low
    if target.kind == "points" and raw.endswith("%") and span != 1:
        draft.error(
            at, "E212", f"`{target.metric}` is not a share, so {raw} points mean nothing", help="write a number"
        )
    elif target.kind == "points" and span is not None and target.min_improvement > span:
        message = f"`{target.metric}` goes from {low:g} to {high:g}, so it cannot gain {raw}"
        draft.error(at, "E214", message, help="`15%` of `kind: relative` is relative to the baseline")
    elif target.kind == "relative" and direction == "lower" and target.min_improvement > 1:
        message = f"`{target.metric}` gets better downwards, and cannot fall by more than 100%"
        draft.error(at, "E214", message, help="100% is all of it")
    elif target.kind == "relative" and target.min_improvement >= 1 and direction == "higher":
        most = (high or 0) / (1 + target.min_improvement)
        note = f"a baseline over {most:.3g} cannot reach it" if high is not None else ""
        draft.warn(at, "W509", f"{raw} more is {1 + target.min_improvement:g} times the baseline", help=note)
    elif target.min_improvement == 0:
        draft.warn(at, "W509", "no gain is asked for", help="write what must be gained, such as `15%`")


def _guards(draft: Draft) -> None:
    guards = draft.spec.acceptance.guards
    if guards is None or isinstance(guards.metrics, str):
        return
    for i, name in enumerate(guards.metrics):
        place: Key = ("acceptance", "guards", "metrics", i)
        found = draft.must_be_measured(place, name, directed=True)
        info = METRICS.get(found[1].name) if found else None
        if info and not info.directed:
            message = f"`{name}` has no better or worse, so it cannot be guarded"
            draft.error(place, "E209", message, help="set a limit on it")
        if name in guards.metrics[:i]:
            draft.error(place, "E203", f"`{name}` is guarded twice", help="delete one of them")


def _limit(draft: Draft, limit: LimitSpec, place: Key) -> None:
    raw = draft.tree.data["acceptance"]["limits"][place[-1]]
    bounds = {key: raw[key] for key in ("min", "max", "equals") if raw.get(key) is not None}
    if not bounds:
        draft.error(place, "E102", f"the limit on `{limit.metric}` has no bound", help="write `min`, `max` or `equals`")
    unit = QUANTITIES.get(limit.metric)
    if unit is None or limit.metric == "determinism":
        measured = {m.name for e in draft.spec.evaluations.values() for m in e.metrics}
        if limit.metric not in measured and not _quantity(draft, limit.metric, (*place, "metric")):
            return
        unit = "number"
    for key, value in bounds.items():
        _bound(draft, (*place, key), limit.metric, value, unit)
    if limit.min is not None and limit.max is not None and limit.min > limit.max:
        draft.error((*place, "min"), "E103", f"the least ({bounds['min']}) is over the most ({bounds['max']})")
    if limit.equals is not None and len(bounds) > 1:
        draft.error((*place, "equals"), "E103", "`equals` stands alone", help="leave `min` and `max` out")
    cut = draft.spec.limits.memory_bytes
    if limit.metric == "memory.peak" and limit.max and cut and limit.max > cut:
        message = (
            f"`limits.memory` ({draft.tree.data['limits']['memory']}) ends a run before {bounds['max']} are reached"
        )
        draft.warn((*place, "max"), "W510", message, help="one of the two is not what you mean")


def _quantity(draft: Draft, name: str, place: Key) -> bool:
    if "." in name and not name.startswith("memory."):
        return draft.must_be_measured(place, name) is not None
    if draft.unsure("evaluations"):
        return False
    if name in METRICS:
        message = f"no evaluation measures `{name}`"
        draft.error(place, "E208", message, help=f"add `{name}` to an evaluation's `metrics`")
    else:
        known = [*QUANTITIES, *(f"{e.id}.{m.id}" for e in draft.spec.evaluations.values() for m in e.metrics)]
        help = did_you_mean(name, known, what="limits can be set on")
        draft.error(place, "E208", f"there is no quantity `{name[:80]}`", help=help)
    return False


def _bound(draft: Draft, place: Key, metric: str, value: Any, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return  # the schema says so
    try:
        number = units.quantity(value, unit)
    except ValueError:
        if isinstance(value, str) and not any(
            re.fullmatch(known, value, re.ASCII) for known in units.PATTERNS.values()
        ):
            return
        what, example = {"bytes": ("size", "`20GB`"), "seconds": ("duration", "`8h`")}.get(
            unit, ("number or a share", "0.05 or `5%`")
        )
        message = f"`{metric}` is a {what}, and `{value}` is none"
        draft.error(place, "E212", message, help=f"write it like {example}")
        return
    if unit == "bytes" and number <= 0:
        draft.error(place, "E103", f"`{metric}` cannot be held to {value}", help="it must be more than 0")


def _scorecard(draft: Draft) -> None:
    card = draft.spec.scorecard
    if card is None:
        return
    total = Decimal(card.baseline) + sum((Decimal(p.points) for p in card.pillars), Decimal(0))
    if total != Decimal(card.target):
        message = f"baseline and points add up to {total}, not to {card.target}"
        draft.error(("scorecard", "target"), "E217", message, help="correct the points, the baseline or the target")
    checks = _check_ids(draft)
    for i, pillar in enumerate(card.pillars):
        _pillar(draft, pillar, ("scorecard", "pillars", i), checks)
        if pillar.id in [p.id for p in card.pillars[:i]]:
            draft.error(
                ("scorecard", "pillars", i, "id"), "E203", f"two pillars are called `{pillar.id}`", help="rename one"
            )


def _check_ids(draft: Draft) -> list[str]:
    acceptance = draft.tree.data.get("acceptance")
    section = acceptance if isinstance(acceptance, dict) else {}
    listed = [i for kind in ("targets", "limits") for i in _listed(draft, kind) if isinstance(i, dict)]
    names = [str(item.get("id") or item.get("metric")) for item in listed]
    measured = [
        f"guard.{e.id}.{m.id}"
        for e in draft.spec.evaluations.values()
        for m in e.metrics
        if m.name in METRICS and METRICS[m.name].directed
    ]
    groups = [
        group
        for group, there in (
            ("targets", section.get("targets")),
            ("guards", "guards" in section),
            ("limits", section.get("limits")),
            ("memory", draft.spec.limits.memory_bytes),
        )
        if there
    ]
    return [*names, *groups, *(measured if draft.spec.acceptance.guards else [])]


def _unsure(draft: Draft) -> bool:
    """Whether the checks are not known, because what lists them is misspelt or cannot be read."""
    acceptance = draft.tree.data.get("acceptance", {})
    unread = [acceptance.get(kind, []) for kind in ("targets", "limits")] if isinstance(acceptance, dict) else [None]
    misspelt = {("acceptance",), _TARGETS, _LIMITS} & draft.misspelt
    return bool(misspelt) or not all(isinstance(listed, list) for listed in unread)


def _pillar(draft: Draft, pillar: PillarSpec, place: Key, checks: list[str]) -> None:
    unknown = [limit.metric for limit in draft.spec.acceptance.limits if limit.id == limit.metric not in QUANTITIES]
    named = [check for check in checks if not check.startswith("guard.")]
    for i, name in enumerate(() if _unsure(draft) else pillar.requires):
        if name not in checks and not closest(name, unknown):  # a misspelt limit is reported where it is written
            help = did_you_mean(name, checks if closest(name, checks) else named, what="checks")
            draft.error((*place, "requires", i), "E201", f"there is no check `{name[:80]}`", help=help)
    if isinstance(pillar.need, int) and pillar.need > len(pillar.requires):
        message = f"`need` is {pillar.need}, and only {len(pillar.requires)} checks are listed"
        draft.error((*place, "need"), "E103", message, help="list more checks, or write `all`")
