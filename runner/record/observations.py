"""What the machine was seen to do while the steps ran, as rows beside the evidence: memory over time, step by step.

Two runs of one campaign give the same evidence and never the same observations, so these have a file of their own.
Peaks, gaps and errors of forecasts are computed from the rows, by `apply` and by `check` alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runner.errors import IntegrityError
from runner.memory.model import PAUSES
from runner.record.evidence import Row
from runner.record.model import Record, StepRecord

Points = tuple[tuple[float, int], ...]  # (seconds since the step began, bytes)
_KEPT = ("samples", "gaps", "interval_seconds", "limit_bytes", "mlx_peak_bytes", "forecast_bytes")
_COUNTED = "rows_forecast_bytes"  # only where rows or prompts were counted
_MOVED = ("timeline", "pauses")


def memory_rows(steps: Iterable[StepRecord]) -> list[Row]:
    """A row for each step whose memory was watched."""
    return [_row(step.id, step.memory) for step in steps if step.memory.get("timeline")]


def _row(step: str, seen: Mapping[str, Any]) -> Row:
    points = [list(point) for point in seen["timeline"]]
    peak = seen["peak_bytes"]
    return {
        "kind": "memory",
        "step": step,
        "points": points,
        "mark_bytes": peak if peak > max(size for _, size in points) else None,
        "pauses": seen.get("pauses"),
        **{name: seen.get(name) for name in _KEPT},
        **({_COUNTED: seen[_COUNTED]} if _COUNTED in seen else {}),
    }


def without_rows(steps: Iterable[StepRecord]) -> tuple[StepRecord, ...]:
    """The steps without what is in rows of its own."""
    return tuple(replace(s, memory={k: v for k, v in s.memory.items() if k not in _MOVED}) for s in steps)


def timelines(record: Record, rows: Iterable[Mapping[str, Any]]) -> dict[str, Points]:
    """step → its memory over time. A record of the first schema has it in its steps."""
    older = {s.id: s.memory["timeline"] for s in record.steps if isinstance(s.memory.get("timeline"), list)}
    newer = {str(row["step"]): row["points"] for row in rows if row.get("kind") == "memory"}
    return {step: points_of(points, step) for step, points in {**older, **newer}.items()}


def points_of(points: Any, step: str) -> Points:
    """Points of plain data.

    Raises:
        IntegrityError: they are not pairs of numbers in order of time.
    """
    pairs = [tuple(p) if isinstance(p, list) else () for p in (points if isinstance(points, list) else [None])]
    fine = all(len(p) == 2 and all(type(x) in (int, float) and x >= 0 for x in p) for p in pairs)
    if not fine or not pairs or any(one[0] > two[0] for one, two in itertools.pairwise(pairs)):
        raise IntegrityError(f"the memory of `{step[:80]}` is not made of pairs of seconds and bytes, in order")
    return tuple((float(seconds), int(size)) for seconds, size in pairs)


def as_seen(record: Record, rows: Sequence[Row]) -> tuple[StepRecord, ...]:
    """The record's steps with the memory that the rows give; of the first schema, that their own timelines give.

    Raises:
        IntegrityError: a row is of no step, or of another shape.
    """
    by_step = {row["step"]: row for row in rows if row["kind"] == "memory"}
    foreign = sorted(by_step.keys() - {s.id for s in record.steps})
    if foreign:
        raise IntegrityError(f"memory was observed of `{foreign[0][:80]}`, which is no step of the record")
    if record.older_id:
        return tuple(replace(s, memory=_older(s)) for s in record.steps)
    return tuple(replace(s, memory=_memory(s, by_step[s.id]) if s.id in by_step else {}) for s in record.steps)


def _memory(step: StepRecord, row: Row) -> dict[str, Any]:
    points = points_of(row["points"], row["step"])
    peak = max(*(size for _, size in points), row["mark_bytes"] or 0)
    return {
        **step.memory,
        **{name: row[name] for name in _KEPT},
        _COUNTED: row.get(_COUNTED),
        "gaps": _gaps(row),
        "peak_bytes": peak,
    }


def _gaps(row: Row) -> int:
    """The pauses that may have hidden a peak. Only so many are kept: more than that rests on the count."""
    pauses = row["pauses"]
    if pauses is None:
        return int(row["gaps"])
    fine = all(isinstance(p, list) and len(p) == 3 and p[2] in (0, 1) for p in pauses)
    if not fine:
        raise IntegrityError(f"the pauses of `{row['step'][:80]}` are not made of seconds, length and 0 or 1")
    hidden = sum(p[2] for p in pauses)
    return max(hidden, int(row["gaps"])) if len(pauses) >= PAUSES else int(hidden)


def _older(step: StepRecord) -> dict[str, Any]:
    """The memory of a step of the first schema: its peak is at least what its own timeline reaches."""
    if "timeline" not in step.memory:
        return step.memory
    reached = max(size for _, size in points_of(step.memory["timeline"], step.id))
    stated = step.memory.get("peak_bytes")
    peak = max(reached, stated) if type(stated) is int else reached
    return {**step.memory, "peak_bytes": peak}


def disagreements(record: Record, seen: Iterable[StepRecord]) -> Iterator[str]:
    """Where the memory that a record states of its steps is not what was seen, and where it contradicts itself."""
    for stated, real in zip(record.steps, seen, strict=True):
        for name in ("peak_bytes", *_KEPT, _COUNTED):
            one, two = stated.memory.get(name), real.memory.get(name)
            if one != two:
                yield f"`{stated.id[:80]}`: `{name}` is {two}, recorded {str(one)[:40]}"
        peak, limit = real.memory.get("peak_bytes"), real.memory.get("limit_bytes")
        if peak is not None and limit is not None and peak > limit and stated.memory.get("crossed") is not True:
            yield f"`{stated.id[:80]}`: {peak} bytes crossed the line of {limit}, and the record does not say so"
        used, mlx = stated.measures.get("peak_memory_bytes"), real.memory.get("mlx_peak_bytes")
        if stated.memory and used is not None and used != mlx:
            yield f"`{stated.id[:80]}`: `peak_memory_bytes` is recorded {str(used)[:40]}, observed {mlx}"
