"""Two records' differences in words."""

from __future__ import annotations

from typing import Any

from runner.report.hostile import one_line
from runner.verify.diff import Change, MetricChange, RecordDiff

SHOWN = 40  # changes of one section


def diff_text(found: RecordDiff) -> str:
    """Sections of what differs, then one line a metric."""
    lines = [f"{found.old[:12]} {found.verdicts[0]}  \u2192  {found.new[:12]} {found.verdicts[1]}"]
    for title, changes in (("spec", found.spec), ("environment", found.environment), ("inputs", found.inputs)):
        lines += _section(title, changes)
    lines.append("metrics after tuning")
    lines += [f"  {_metric(m)}" for m in found.metrics]
    return "\n".join(lines)


def _section(title: str, changes: tuple[Change, ...]) -> list[str]:
    if not changes:
        return [f"{title}: the same"]
    lines = [f"  {one_line(c.place, 80)}: {_say(c.old)} \u2192 {_say(c.new)}" for c in changes[:SHOWN]]
    more = len(changes) - SHOWN
    return [title, *lines, *([f"  and {more} more"] if more > 0 else [])]


def _metric(change: MetricChange) -> str:
    name = f"{one_line(change.id, 60):<36}"
    if change.refused or change.old is None or change.new is None:
        return f"{name} not compared: {one_line(change.refused, 120)}"
    text = f"{name} {change.old:.4g} \u2192 {change.new:.4g} ({change.new - change.old:+.4g}"
    if change.low is None or change.high is None:
        return f"{text}, n {change.n})"
    sure = "" if change.low <= 0 <= change.high else f"; {_judged(change)}"
    return f"{text}, 95 % [{change.low:+.4g}, {change.high:+.4g}], n {change.n}){sure}"


def _judged(change: MetricChange) -> str:
    if change.better == "none":
        return "changed"
    rose = change.new is not None and change.old is not None and change.new > change.old
    return "better" if rose == (change.better == "higher") else "worse"


def _say(value: Any) -> str:
    return "unset" if value is None else one_line(value, 60)
