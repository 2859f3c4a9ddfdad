"""The report as JSON: the record, its id and what the other formats compute, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from runner.canonical import plain
from runner.record.codec import to_document
from runner.record.model import Record
from runner.report.catalogue import catalogue
from runner.report.proof import Proof
from runner.report.view import view
from runner.report.words import Words

SCHEMA = "lorarun/report/v1"


def write(
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    history: Sequence[Record],
    *,
    language: str,
    lines: Mapping[str, int],
    proof: Proof | None = None,
) -> str:
    """Indented, key-sorted JSON in ASCII, so that it is inert wherever it is printed or embedded."""
    seen = view(record, evidence, history, limit=2000, pictures=0, proof=proof)
    document = {
        "schema": SCHEMA,
        "record_id": seen.record_id,
        "language": language,
        "verdict": seen.status,
        "check": plain(proof) if proof else None,
        "headline": Words(catalogue(language)).headline(seen),
        "record": to_document(record),
        "unproven": [plain(one) for one in seen.unproven],
        "samples": [
            {"evaluation": book.evaluation, "metric": book.metric, "total": book.total, "states": dict(book.counts)}
            for book in seen.ledgers
        ],
        "chains": [
            {"evaluation": made.evaluation, "metric": made.metric, **plain(book)}
            for made, book in zip(seen.attributions, seen.fates, strict=True)
            if book is not None
        ],
        "trends": [plain(trend) for trend in seen.trends],
    }
    text = json.dumps(document, ensure_ascii=True, indent=1, sort_keys=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026") + "\n"
