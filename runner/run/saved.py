"""A plan that was saved, to be applied as it was read: `plan --out FILE`, `apply FILE`. It is refused when stale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import files
from runner.canonical import digest_value, plain
from runner.errors import ChangedError, IntegrityError
from runner.plan.model import Plan
from runner.plan.resolve import Known
from runner.shape import ShapeError, build
from runner.spec.model import Spec

FORMAT = "lorarun/saved-plan/v1"
MAX_BYTES = 16 * 2**20
SHOWN = 5


@dataclass(frozen=True)
class SavedPlan:
    """What a plan was made from, and what it would do."""

    format: str
    spec: str  # relative to the project's root
    overrides: tuple[str, ...]
    targets: tuple[str, ...]  # the steps that were asked for; none is all of them
    recipe: str
    policy: str
    sources: dict[str, str]  # "dataset/images" → digest
    environment: dict[str, str]
    steps: dict[str, str]  # id → "run <key>", "cached <key>", "upstream"


def saved_plan(spec: Spec, plan: Plan, known: Known, *, targets: tuple[str, ...] = ()) -> SavedPlan:
    """The plan as it can be saved, or compared with a saved one."""
    return SavedPlan(
        format=FORMAT,
        spec=spec.path,
        overrides=spec.overrides,
        targets=targets,
        recipe=plan.recipe_digest,
        policy=plan.policy_digest,
        sources=dict(known.sources),
        environment=dict(known.environment),
        steps={s.step.id: f"{s.action} {s.key}".strip() for s in plan.steps},
    )


def write_plan(path: Path, saved: SavedPlan) -> None:
    """Write it durably, with its own digest."""
    files.write_json(path, {**plain(saved), "digest": digest_value(saved)})


def read_plan(path: Path) -> SavedPlan:
    """A plan that `write_plan` wrote.

    Raises:
        InvalidError: missing, or no regular file.
        IntegrityError: it is no plan, or not as it was written.
    """
    value = files.read_json(path, max_bytes=MAX_BYTES)
    stated = value.pop("digest", None) if isinstance(value, dict) else None
    try:
        saved = build(SavedPlan, value)
    except ShapeError as error:
        raise IntegrityError(f"`{path}` is not a saved plan: {error}") from error
    if saved.format != FORMAT or stated != digest_value(saved):
        raise IntegrityError(f"`{path}` is not a plan as lorarun wrote it")
    return saved


def hold_to_plan(saved: SavedPlan, now: SavedPlan) -> None:
    """Refuse to go on where the project is not what the plan was made for.

    Raises:
        ChangedError: naming what has changed.
    """
    old, new = _flat(plain(saved)), _flat(plain(now))
    changed = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    if changed:
        more = f", and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise ChangedError(
            f"the saved plan is stale: {', '.join(changed[:SHOWN])}{more} changed since",
            help="`lorarun plan --out` makes it anew; look at it again before it is applied",
        )


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= {f"{name}.{k}": v for k, v in item.items()} if isinstance(item, dict) else {name: item}
    return found
