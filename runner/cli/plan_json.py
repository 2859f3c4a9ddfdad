"""A plan as data: what `lorarun plan --format json` prints. docs/plan.schema.json describes it."""

from __future__ import annotations

from typing import Any

from runner.plan.model import Plan, PlannedStep
from runner.run.dependencies import Dependency
from runner.run.outlook import Outlook

FORMAT = "lorarun/plan/v1"


def plan_json(plan: Plan, outlook: Outlook) -> dict[str, Any]:
    """The plan with what it will take; `format` first. What is not known is null."""
    return {
        "format": FORMAT,
        "campaign": plan.campaign,
        "spec": plan.spec_path,
        "recipe_digest": plan.recipe_digest,
        "policy_digest": plan.policy_digest,
        "depends_on": [_dependency(d) for d in outlook.after],
        "steps": [_step(s, i, outlook) for i, s in enumerate(plan.steps, 1)],
        "totals": _totals(plan, outlook),
        "downloads": [
            {"model": d.model, "path": d.path, "revision": d.revision, "size_bytes": d.size_bytes}
            for d in outlook.downloads
        ],
    }


def _dependency(dependency: Dependency) -> dict[str, Any]:
    return {
        "campaign": dependency.campaign,
        "required": dependency.required,
        "record": dependency.record_id or None,
        "verdict": dependency.verdict or None,
    }


def _step(planned: PlannedStep, position: int, outlook: Outlook) -> dict[str, Any]:
    step = planned.step
    return {
        "id": step.id,
        "kind": step.kind,
        "position": position,
        "model": step.group or None,
        "action": planned.action,
        "key": planned.key or None,
        "cached_as": planned.cached_as or None,
        "notes": list(step.notes),
        "forecast_bytes": step.forecast_bytes,
        "paths": dict(step.paths),
        "needs": sorted({n.step for n in step.needs}),
        "reasons": [{"code": r.code, "text": r.text, "location": r.location or None} for r in planned.reasons],
        "takes": _takes(step.id, outlook),
    }


def _takes(step_id: str, outlook: Outlook) -> dict[str, Any] | None:
    takes = outlook.steps.get(step_id)
    if takes is None:
        return None
    seconds = takes.duration.seconds
    return {
        "seconds": None if seconds is None else round(seconds, 1),
        "seconds_from": takes.duration.basis,
        "memory_bytes": takes.memory.size_bytes,
        "memory_from": takes.memory.basis,
        "disk_bytes": takes.disk.size_bytes,
        "disk_from": takes.disk.basis,
    }


def _totals(plan: Plan, outlook: Outlook) -> dict[str, Any]:
    most = outlook.most_memory
    return {
        "steps": len(plan.steps),
        "to_run": len(plan.to_run),
        "cached": len(plan.steps) - len(plan.to_run),
        "seconds": round(outlook.seconds, 1),
        "steps_of_unknown_time": outlook.untimed,
        "memory_bytes": most[1] if most else None,
        "steps_of_unknown_memory": outlook.unweighed,
        "memory_limit_bytes": outlook.memory_limit_bytes,
        "disk_bytes": outlook.disk_bytes,
        "steps_of_unknown_disk": outlook.unsized,
        "disk_used_bytes": outlook.used_bytes,
        "disk_free_bytes": outlook.free_bytes,
        "disk_limit_bytes": outlook.disk_limit_bytes,
    }
