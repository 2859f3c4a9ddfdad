"""A run's state in words."""

from __future__ import annotations

from runner.cli.progress import ago, note_of
from runner.run.status import Status, StepState

MARKS = {"waiting": " ", "running": ">", "done": "+", "cached": "=", "failed": "!"}


def status_text(status: Status) -> str:
    """The run's state, then one line a step."""
    if status.state == "never":
        return f"{status.campaign}: no run was started yet"
    lines = [f"{status.campaign}: {status.state}, last event {ago(status.updated)}"]
    lines += [_step(step, status) for step in status.steps]
    if status.result.get("verdict"):
        lines.append(f"RESULT: {status.result['verdict']} — {status.result.get('reason', '')}")
    elif status.result:
        lines.append(f"stopped with exit code {status.result.get('exit_code')}: {status.result.get('message', '')}")
    if status.state == "interrupted":
        lines.append("it was ended in the middle; `lorarun apply` goes on from there")
    return "\n".join(lines)


def _step(step: StepState, status: Status) -> str:
    text = f" {MARKS.get(step.state, ' ')} {step.id}  {step.state}"
    if step.state == "running" and step.total:
        text += f" {100 * (step.done or 0) / step.total:.0f} %  {note_of(status.last)}"
    elif step.seconds is not None:
        text += f" {step.seconds:.1f} s"
    return text.rstrip()
