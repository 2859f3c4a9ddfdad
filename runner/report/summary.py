"""`summary.json`: every campaign's newest state for other dashboards. Its schema is `templates/summary.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runner.acceptance.model import Check
from runner.record.codec import record_id
from runner.record.model import Record
from runner.report import reading, training
from runner.report.catalogue import catalogue
from runner.report.reading import items, mapping, text
from runner.report.render import language_of
from runner.report.view import STATUSES, View, view
from runner.report.words import Words

SCHEMA = "lorarun/summary/v1"


@dataclass(frozen=True)
class CampaignState:
    """One campaign: the view of its newest record, and all its records, oldest first."""

    name: str
    view: View
    records: tuple[tuple[str, Record], ...]


def campaigns(records: Sequence[Record]) -> tuple[CampaignState, ...]:
    """Every campaign that has a record, the one with the newest record first."""
    by_name: dict[str, list[Record]] = {}
    for record in records:
        if record.kind == "campaign":
            by_name.setdefault(record.campaign, []).append(record)
    found = []
    for name, own in by_name.items():
        seen = view(max(own, key=lambda r: (r.created, record_id(r))), (), own)
        found.append(CampaignState(name, seen, tuple(zip(seen.history_ids, seen.history, strict=True))))
    return tuple(sorted(found, key=lambda c: (c.view.record.created, c.name), reverse=True))


def summary(states: Sequence[CampaignState], reports: frozenset[str]) -> dict[str, Any]:
    """The document. `reports` are the ids of records that have a page under `reports/`."""
    return {"schema": SCHEMA, "campaigns": [_campaign(state, reports) for state in states]}


def to_json(document: dict[str, Any]) -> str:
    """The document as key-sorted ASCII text, inert wherever it is embedded."""
    written = json.dumps(document, ensure_ascii=True, indent=1, sort_keys=True, allow_nan=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026") + "\n"


def _campaign(state: CampaignState, reports: frozenset[str]) -> dict[str, Any]:
    seen, record = state.view, state.view.record
    card = seen.scorecard
    language = language_of(record)
    return {
        "name": state.name,
        "title": seen.title,
        "owner": seen.owner,
        "language": language,
        "verdict": seen.status,
        "headline": Words(catalogue(language)).headline(seen),
        "reason": seen.reason,
        "created": record.created,
        "record": seen.record_id,
        "report": _page(seen.record_id, reports),
        "targets": [_target(check) for check in seen.targets],
        "guards": {
            "total": len(seen.guards),
            "fell": sum(c.status in {"fail", "error"} for c in seen.guards),
            "warned": sum(c.status == "warn" for c in seen.guards),
        },
        "memory": {"peak_bytes": seen.memory.peak, "limit_bytes": seen.memory.limit},
        "scorecard": card
        and {"name": card.name, "baseline": card.baseline, "target": card.target, "total": card.total},
        "fields": record.summary,
        "training": [_training(c) for c in seen.curves],
        "records": [_record(id, r, reports) for id, r in state.records],
    }


def _page(id: str, reports: frozenset[str]) -> str | None:
    return f"reports/{id}.html" if id in reports else None


def _target(check: Check) -> dict[str, Any]:
    names = ("id", "title", "metric", "status", "direction", "before", "after", "relative", "points", "low", "high")
    return {name: getattr(check, name) for name in (*names, "effect", "target", "n")}


def _training(curve: training.Curve) -> dict[str, Any]:
    return {
        "step": curve.step,
        "final_loss": curve.final_loss,
        "tokens_per_second": curve.tokens_per_second,
        "seconds": curve.seconds,
    }


def _record(id: str, record: Record, reports: frozenset[str]) -> dict[str, Any]:
    status = text(record.verdict.get("status"))
    checks = [reading.check(c) for c in map(mapping, items(record.verdict.get("checks"))) if c.get("kind") == "target"]
    return {
        "id": id,
        "created": record.created,
        "verdict": status if status in STATUSES else "ERROR",
        "report": _page(id, reports),
        "targets": {c.id: {"before": c.before, "after": c.after, "status": c.status} for c in checks},
    }
