"""What `apply --rehearse-only` ends with: what the rehearsals saw, and how long the whole will take."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from runner import files
from runner.cli.plan_text import done, duration, size
from runner.errors import LorarunError
from runner.plan.model import Step
from runner.plan.names import REHEARSAL
from runner.report.hostile import one_line
from runner.run.campaign import Planned
from runner.run.outlook import Outlook
from runner.run.peaks import peaks_of
from runner.run.rehearsal import said_of
from runner.spec.model import ModelSpec, Spec

ANSWERING = ("generate", "score", "select")


def rehearsal_text(spec: Spec, root: Path, planned: Planned, seen: Outlook, *, now: datetime) -> str:
    """A line for each tuning that was tried, its memory beside the forecast, then the time of all that is left."""
    lines: list[str] = []
    for one in planned.plan.steps:
        if one.step.kind == "rehearse" and one.action == "cached":
            report = files.read_json(planned.survey.artifacts.place(one.key) / REHEARSAL)
            lines += _model(one.step.group, report)
            lines += _memory(spec.models[one.step.group], root, one.step, report)
    return "\n".join([*lines, _time(planned, seen, now)])


def _model(model: str, report: dict[str, Any]) -> Iterable[str]:
    for name, tune in report["tunes"].items():
        off = [f"; {path} {said.pin}" for path, said in said_of(tune["paths"]).items() if said.pin.startswith("off")]
        yield (
            f"rehearsed  {one_line(name)}: {tune['tokens_per_second']:,.0f} tokens/s at rows of "
            f"{tune['longest_row_tokens']} tokens, {size(tune['peak_memory_bytes'])} at most, resumed to the same "
            f"adapter, alive{one_line(''.join(off))}"
        )
    rate = report["rates"]["generate_tokens_per_second"]
    if rate:
        count = sum(p["answered"] for p in report["prompts"].values())
        longest = max(p["longest_tokens"] for p in report["prompts"].values())
        speed = f"{count} answers at {rate:,.0f} tokens/s"
        yield f"rehearsed  {one_line(model)}: {speed}, prompts of up to {longest} tokens"


def _memory(model: ModelSpec, root: Path, step: Step, report: dict[str, Any]) -> Iterable[str]:
    try:
        found = peaks_of(model, root, step, report)
    except LorarunError as error:
        yield f"memory     not forecast: {one_line(error.message, 200)}"
        return
    for peak in found:
        ratio = peak.measured_bytes / peak.forecast_bytes
        forecast, measured = size(peak.forecast_bytes), size(peak.measured_bytes)
        yield f"memory     tune/{one_line(peak.tune)}: {measured} measured, {forecast} forecast (x {ratio:.2f})"


def _time(planned: Planned, seen: Outlook, now: datetime) -> str:
    kinds = {s.step.id: s.step.kind for s in planned.plan.steps}
    known = {name: step.duration.seconds for name, step in seen.steps.items() if step.duration.seconds is not None}
    tuning = sum(seconds for name, seconds in known.items() if kinds[name] == "tune")
    answering = sum(seconds for name, seconds in known.items() if kinds[name] in ANSWERING)
    if not seen.steps:
        return "nothing is left to run"
    least = ", and some steps of unknown time" if seen.untimed else ""
    how = "at most" if seen.at_most_seconds else "about"
    return f"tuning about {duration(tuning)}, evaluation {how} {duration(answering)}{least}{done(seen, now)}"
