"""A plan in words: its steps as a tree, why each runs, what it will take, and what all of them come to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from runner.plan.duration import Rates
from runner.plan.model import Plan, PlannedStep
from runner.plan.tree import Branch, branches
from runner.report.hostile import one_line
from runner.run.outlook import Outlook
from runner.spec.diagnostics import width
from runner.spec.model import LoraSpec

ACTIONS = {"run": "run", "upstream": "run after its inputs", "cached": "cached"}
COLOURS = {"run": "green", "upstream": "yellow", "cached": "bright_black"}
MARKS = {"run": "+", "upstream": "~", "cached": " "}
NOT_KNOWN = "?"
HEADINGS = ("", "  step", "", "time", "memory", "disk")


def plan_text(plan: Plan, outlook: Outlook, *, now: datetime) -> str:
    """The tree with a line of reasons below each step that runs, then the totals."""
    found = branches(plan.steps)
    rows = [_row(b, outlook) for b in found]
    widths = [max(map(width, column)) for column in zip(HEADINGS, *rows, strict=True)]
    lines = [f"{one_line(plan.campaign)}: {one_line(plan.spec_path)}"]
    lines += [*(one_line(dependency) for dependency in outlook.after), ""]
    if plan.to_run:
        lines.append(click.style(_cells(HEADINGS, widths), bold=True))
    for branch, row in zip(found, rows, strict=True):
        lines.append(click.style(_cells(row, widths), fg=COLOURS[branch.planned.action]))
        lines += [f"{'':>{widths[0]}}  {branch.below}    {one_line(text)}" for text in _details(branch.planned)]
    return "\n".join([*lines, "", *totals(plan, outlook, now=now)])


def _cells(row: Sequence[str], widths: Sequence[int]) -> str:
    """Cells side by side: the first and the figures to the right, names to the left."""
    cells = []
    for i, (cell, wide) in enumerate(zip(row, widths, strict=True)):
        pad = " " * (wide - width(cell))
        cells.append(cell + pad if i in (1, 2) else pad + cell)
    return "  ".join(cells).rstrip()


def _row(branch: Branch, outlook: Outlook) -> tuple[str, ...]:
    planned = branch.planned
    name = f"{branch.lead}{MARKS[planned.action]} {one_line(planned.step.id)}"
    takes = outlook.steps.get(planned.step.id)
    if takes is None:
        return (str(branch.position), name, action_of(planned), "", "", "")
    return (
        str(branch.position),
        name,
        action_of(planned),
        duration(takes.duration.seconds),
        size(takes.memory.size_bytes),
        size(takes.disk.size_bytes),
    )


def action_of(planned: PlannedStep) -> str:
    """What becomes of a step, in a word or two."""
    if [r.code for r in planned.reasons] == ["first"]:
        return "run, the first time"
    if [r.code for r in planned.reasons] == ["unneeded"]:
        return "not needed"
    text = ACTIONS[planned.action]
    return f"{text} (as {one_line(planned.cached_as)})" if planned.cached_as else text


def _details(planned: PlannedStep) -> list[str]:
    lines = []
    if planned.action == "run":
        lines += [reason_of(planned, i) for i, r in enumerate(planned.reasons) if r.code != "first"]
    if planned.step.kind == "tune" and planned.action != "cached":
        lines.append(tuning(planned.step.params))
        lines += [f"memory: {note}" for note in planned.step.notes[-1:]]  # what was refused before: --explain
        lines += _paths(planned.step.paths)
    elif planned.action != "cached":  # of other steps only what is not as usual
        lines += [f"memory: {note}" for note in planned.step.notes[1:]]
        lines += _paths([(name, said) for name, said in planned.step.paths if said != "on"])
    return lines


def _paths(paths: Sequence[tuple[str, str]]) -> list[str]:
    """The fast paths that a step takes, and why it does not take the others."""
    on = ", ".join(name for name, said in paths if said == "on")
    off = ", ".join(f"{name} ({said.removeprefix('off: ')})" for name, said in paths if said != "on")
    said = "; ".join([*([on] if on else []), *([f"not {off}"] if off else [])])
    return [f"fast paths: {said}"] if said else []


def reason_of(planned: PlannedStep, i: int) -> str:
    """One reason with the place in the spec that it comes from."""
    reason = planned.reasons[i]
    place = f" ({reason.location})" if reason.location else ""
    return f"{reason.code}: {reason.text}{place}"


def tuning(params: dict[str, Any]) -> str:
    """The settings that decide most, with the effective scale that the adapter is multiplied by."""
    lora, train = params["lora"], params["train"]
    scale = LoraSpec.of(lora).scale
    checkpointing = ", gradient checkpointing" if train["grad_checkpoint"] else ""
    return (
        f"{lora['type']} rank {lora['rank']}, alpha {lora['alpha']:g} (scale {scale:g}), dropout {lora['dropout']:g}; "
        f"{train['optimizer']} {train['learning_rate']:g} {train['lr_schedule']}, {train['epochs']:g} epochs, "
        f"batch {train['batch_size']} in micro-batches of {train['micro_batch']}{checkpointing}"
    )


def totals(plan: Plan, outlook: Outlook, *, now: datetime) -> list[str]:
    """Steps, time with the hour when it is done, memory against its limit, disk, downloads."""
    run, cached = len(plan.to_run), len(plan.steps) - len(plan.to_run)
    if not run:
        return [f"nothing to run: all {cached} steps are cached"]
    lines = [f"{len(plan.steps)} steps: {run} to run, {cached} cached", _time(outlook, now)]
    if outlook.untimed and any(s.step.kind == "rehearse" for s in plan.to_run):
        lines.append(f"        `lorarun apply {one_line(plan.spec_path)} --rehearse-only` measures it in minutes")
    lines += [_rehearsed(model, rates) for model, rates in outlook.rehearsed.items()]
    lines += [_memory(outlook), _disk(outlook)]
    lines += [
        f"fetch   {one_line(d.path)} at {one_line(d.revision)}: {_about(d.size_bytes)}" for d in outlook.downloads
    ]
    return lines


def _time(outlook: Outlook, now: datetime) -> str:
    if outlook.untimed == len(outlook.steps):
        return "time    unknown: nothing like it ran on this machine yet"
    told = duration(outlook.seconds)
    longest = outlook.at_most_seconds
    if longest:
        told = f"at most {told}, {duration(longest)} of it for answers as long as `max_tokens` lets them be"
    unknown = f", and {_steps(outlook.untimed)} of unknown time" if outlook.untimed else ""
    about = "" if longest or unknown else "about "
    return f"time    {about}{told}{unknown}{done(outlook, now)}"


def done(outlook: Outlook, now: datetime) -> str:
    """The hour when all is done; nothing where neither the least nor the most is known."""
    hour = (now + timedelta(seconds=outlook.seconds)).strftime("%H:%M")
    if outlook.at_most_seconds:
        return "" if outlook.untimed else f"; done by {hour}"
    return f"; not done before {hour}" if outlook.untimed else f"; done about {hour}"


def _rehearsed(model: str, rates: Rates) -> str:
    """What the times rest on, as it was measured on this machine."""
    speeds = (("tuning", rates.tune_tokens_per_second), ("answering", rates.generate_tokens_per_second))
    said = [f"{what} {speed:,.0f} tokens/s" for what, speed in speeds if speed]
    said += [f"{size(rates.peak_bytes)} at most"] if rates.peak_bytes else []
    return f"        rehearsed {one_line(model)}: {', '.join(said)}"


def _memory(outlook: Outlook) -> str:
    limit = f"; the limit is {size(outlook.memory_limit_bytes)}" if outlook.memory_limit_bytes else "; no limit is set"
    most = outlook.most_memory
    if most is None:
        return f"memory  unknown until a step is forecast or measured{limit}"
    where = f"{size(most[1])}, at {one_line(most[0])} ({outlook.steps[most[0]].memory.basis})"
    if outlook.unweighed:
        return f"memory  at least {where}, and {_steps(outlook.unweighed)} of unknown need{limit}"
    return f"memory  at most {where}{limit}"


def _disk(outlook: Outlook) -> str:
    known = outlook.unsized < len(outlook.steps)
    need = f"about {size(outlook.disk_bytes)} more" if known else "unknown"
    need += f", and {_steps(outlook.unsized)} of unknown size" if known and outlook.unsized else ""
    free = f"; {size(outlook.free_bytes)} free" if outlook.free_bytes is not None else ""
    limit = outlook.disk_limit_bytes
    return f"disk    {need}{free}" + (f"; {size(outlook.used_bytes)} of {size(limit)} in use" if limit else "")


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _about(count: int | None) -> str:
    return f"about {size(count)} of weights" if count else "its size is not known"


def duration(seconds: float | None) -> str:
    """`12 s`, `4 min`, `2 h 05 min`; `?` where it is not known."""
    if seconds is None:
        return NOT_KNOWN
    if seconds < 99.5:
        return f"{max(seconds, 1):.0f} s" if seconds >= 0.5 else "< 1 s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: int | None) -> str:
    """Decimal bytes for people; `?` where they are not known."""
    if count is None:
        return NOT_KNOWN
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}" if count < 100 * scale else f"{count / scale:,.0f} {unit}"
    return f"{count} B"


def sequence(names: Sequence[str], most: int = 12) -> str:
    """Names in a row, the rest counted."""
    shown = ", ".join(map(one_line, names[:most]))
    return f"{shown}, and {len(names) - most} more" if len(names) > most else shown
