"""A plan in words and as JSON."""

from __future__ import annotations

from typing import Any

from runner.plan.model import Plan, PlannedStep
from runner.spec.model import LoraSpec

MARKS = {"run": "+", "upstream": "~", "cached": " "}


def plan_text(plan: Plan) -> str:
    """One line a step, with every reason below it."""
    width = max((len(s.step.id) for s in plan.steps), default=0)
    lines = [f"{plan.campaign}: {plan.spec_path}", ""]
    for planned in plan.steps:
        lines += _step(planned, width)
    lines += ["", _total(plan)]
    return "\n".join(lines)


def _step(planned: PlannedStep, width: int) -> list[str]:
    what = {"run": "run", "upstream": "run after its inputs", "cached": "cached"}[planned.action]
    if planned.cached_as:
        what += f" (as {planned.cached_as})"
    lines = [f" {MARKS[planned.action]} {planned.step.id:<{width}}  {what}"]
    if planned.step.kind == "tune" and planned.action != "cached":
        lines.append(f"     {tuning(planned.step.params)}")
        lines += [f"     memory: {note}" for note in planned.step.notes]
        lines += [f"     path: {name} {said}" for name, said in planned.step.paths]
    if planned.action == "run":
        for reason in planned.reasons:
            place = f" ({reason.location})" if reason.location else ""
            lines.append(f"     {reason.code}: {reason.text}{place}")
    return lines


def tuning(params: dict[str, Any]) -> str:
    """The settings that decide most, with the effective scale that the adapter is multiplied by."""
    lora, train = params["lora"], params["train"]
    scale = LoraSpec(**{**lora, "target_modules": tuple(lora["target_modules"])}).scale
    checkpointing = ", gradient checkpointing" if train["grad_checkpoint"] else ""
    return (
        f"{lora['type']} rank {lora['rank']}, alpha {lora['alpha']:g} (scale {scale:g}), dropout {lora['dropout']:g}; "
        f"{train['optimizer']} {train['learning_rate']:g} {train['lr_schedule']}, {train['epochs']:g} epochs, "
        f"batch {train['batch_size']} in micro-batches of {train['micro_batch']}{checkpointing}"
    )


def _total(plan: Plan) -> str:
    run, cached = len(plan.to_run), len(plan.steps) - len(plan.to_run)
    if not run:
        return f"nothing to run: all {cached} steps are cached"
    return f"{len(plan.steps)} steps: {run} to run, {cached} cached"


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as data, `format` first."""
    return {
        "format": "lorarun/plan/v1",
        "campaign": plan.campaign,
        "spec": plan.spec_path,
        "recipe_digest": plan.recipe_digest,
        "policy_digest": plan.policy_digest,
        "steps": [
            {
                "id": s.step.id,
                "kind": s.step.kind,
                "model": s.step.group or None,
                "action": s.action,
                "key": s.key or None,
                "notes": list(s.step.notes),
                "forecast_bytes": s.step.forecast_bytes,
                "paths": dict(s.step.paths),
                "needs": sorted({n.step for n in s.step.needs}),
                "reasons": [{"code": r.code, "text": r.text, "location": r.location or None} for r in s.reasons],
            }
            for s in plan.steps
        ],
    }
