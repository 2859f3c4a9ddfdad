"""Reading the free parts of a record and the evidence rows without trusting their shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from runner.acceptance.model import Check, Pillar, Scorecard

Row = Mapping[str, Any]
CHECK_STATUSES = ("pass", "fail", "inconclusive", "warn", "error")
_TEXTS = {"id", "kind", "status", "title", "want", "got", "reason", "metric", "direction", "effect"}


def figure(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def mapping(value: object) -> dict[str, Any]:
    """A mapping with text keys; empty for anything else."""
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else {}


def items(value: object) -> tuple[Any, ...]:
    """A sequence's items; empty for anything else."""
    return tuple(value) if isinstance(value, list | tuple) else ()


def text(value: object) -> str:
    """A text; "" for None."""
    return "" if value is None else str(value)


def points(value: object) -> tuple[tuple[float, float], ...]:
    """Pairs of finite numbers out of a list of pairs."""
    found: list[tuple[float, float]] = []
    for pair in items(value):
        both = items(pair)
        if len(both) == 2:
            x, y = figure(both[0]), figure(both[1])
            if x is not None and y is not None:
                found.append((x, y))
    return tuple(found)


def check(row: object) -> Check:
    """A `Check` from the plain data of a verdict."""
    plain = mapping(row)
    values: dict[str, Any] = {}
    for part in fields(Check):
        if part.name in _TEXTS:
            values[part.name] = text(plain.get(part.name))
        elif part.name == "details":
            values["details"] = mapping(plain.get("details"))
        else:
            values[part.name] = figure(plain.get(part.name))
    if values["status"] not in CHECK_STATUSES:
        values["status"] = "error"
    return Check(**values)


def scorecard(row: object) -> Scorecard | None:
    """A `Scorecard` from the plain data of a verdict."""
    plain = mapping(row)
    if not plain:
        return None
    pillars = tuple(
        Pillar(
            id=text(p.get("id")),
            name=text(p.get("name")),
            points=text(p.get("points")),
            earned=text(p.get("earned")),
            missing=tuple(text(m) for m in items(p.get("missing"))),
        )
        for p in map(mapping, items(plain.get("pillars")))
    )
    name, baseline, target, total = (text(plain.get(k)) for k in ("name", "baseline", "target", "total"))
    return Scorecard(name, baseline, target, total, pillars)


@dataclass
class Evidence:
    """Evidence rows by what they are about. Built once; read-only afterwards."""

    samples: dict[str, dict[str, Row]] = field(default_factory=dict)  # evaluation → sample id → row
    completions: dict[tuple[str, str, str], Row] = field(default_factory=dict)  # evaluation, arm, sample → main answer
    scores: dict[tuple[str, str, str], dict[str, float]] = field(default_factory=dict)  # evaluation, arm, metric
    arms: dict[str, list[str]] = field(default_factory=dict)  # evaluation → arms, in order of first appearance
    metrics: dict[str, list[str]] = field(default_factory=dict)


def evidence(rows: Iterable[Row]) -> Evidence:
    """Index the rows; repeats (`of` other than main) are left out."""
    found = Evidence()
    for row in rows:
        evaluation, sample, kind = text(row.get("evaluation")), text(row.get("sample")), row.get("kind")
        if kind == "sample":
            found.samples.setdefault(evaluation, {})[sample] = row
        elif kind == "completion" and row.get("of", "main") == "main":
            arm = text(row.get("arm"))
            found.completions[evaluation, arm, sample] = row
            if arm not in (known := found.arms.setdefault(evaluation, [])):
                known.append(arm)
        elif kind == "score":
            metric, value = text(row.get("metric")), figure(row.get("value"))
            if value is not None:
                found.scores.setdefault((evaluation, text(row.get("arm")), metric), {})[sample] = value
            if metric not in (named := found.metrics.setdefault(evaluation, [])):
                named.append(metric)
    return found


def metadata(spec: Row) -> dict[str, Any]:
    """The `metadata` section of a resolved spec document."""
    return mapping(spec.get("metadata"))


def flat(value: object, prefix: str = "") -> tuple[tuple[str, str], ...]:
    """Nested plain data as dotted names and texts, sorted by name."""
    if isinstance(value, Mapping):
        found: Sequence[tuple[str, str]] = [
            pair for k in sorted(value, key=str) for pair in flat(value[k], f"{prefix}.{k}" if prefix else str(k))
        ]
        return tuple(found)
    if isinstance(value, list | tuple):
        return ((prefix, ", ".join(_plain(v) for v in value)),)
    return ((prefix, _plain(value)),)


def _plain(value: object) -> str:
    """A value as a spec writes it."""
    return str(value).lower() if isinstance(value, bool) else text(value)
