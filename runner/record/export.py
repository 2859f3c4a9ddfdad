"""A record in other people's formats: a model card's model-index, an in-toto statement, CSV. Pure; texts out."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from typing import Any

from runner.canonical import PREFIX, readable_json
from runner.record.model import Record

IN_TOTO = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"

Named = tuple[str, Record]  # id, record


def model_index(named: Named) -> str:
    """The `model-index` of a Hugging Face model card, as YAML (written in JSON's form, which YAML includes).

    One result an evaluation; each metric after tuning, its baseline as a metric of its own.
    """
    name, record = named
    results = [_result(record, evaluation, measures) for evaluation, measures in _by_evaluation(record).items()]
    card = {"model-index": [{"name": record.campaign, "results": results}]}
    return f"# from record {name}\n" + json.dumps(card, ensure_ascii=True, indent=2) + "\n"


def _result(record: Record, evaluation: str, measures: dict[str, Any]) -> dict[str, Any]:
    spec = record.spec.get("evaluations", {}).get(evaluation, {})
    subject = record.spec.get("metadata", {}).get("title") or record.campaign
    metrics = []
    for metric, arms in measures.items():
        for arm, suffix in (("after", ""), ("before", " (base model)")):
            if isinstance(arms.get(arm), dict):
                entry = arms[arm]
                metrics.append(
                    {"type": metric, "name": metric + suffix, "value": entry.get("value"), "verified": False}
                )
    dataset = {
        "name": str(spec.get("dataset", "")),
        "type": str(spec.get("dataset", "")),
        "split": str(spec.get("split", "")),
    }
    return {
        "task": {"type": "text-generation", "name": f"{subject}: {evaluation}"},
        "dataset": dataset,
        "metrics": metrics,
    }


def in_toto(named: Named, data: bytes) -> str:
    """An unsigned in-toto Statement v1 with the test-result predicate. `data` is what the record's file holds.

    Its subjects are the record, its evidence and the adapters that were made.
    """
    name, record = named
    subjects = [
        {"name": f"ssot/records/{name}.json", "digest": {"sha256": hashlib.sha256(data).hexdigest()}},
        _subject("evidence", record.evidence),
        *([_subject("observed", record.observed)] if record.observed else []),
    ]
    for step in record.steps:
        if step.kind == "tune":
            subjects += [_subject(f"{step.id}/{file}", digest) for file, digest in sorted(step.outputs.items())]
    judged = record.verdict.get("checks")
    checks = [c for c in (judged if isinstance(judged, list) else ()) if isinstance(c, dict)]
    status = str(record.verdict.get("status"))
    statement = {
        "_type": IN_TOTO,
        "subject": subjects,
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": {"PASS": "PASSED", "FAIL": "FAILED"}.get(status, "WARNED"),
            "configuration": [_subject(record.spec_path, record.spec_digest)],
            "passedTests": [str(c.get("id")) for c in checks if c.get("status") == "pass"],
            "warnedTests": [str(c.get("id")) for c in checks if c.get("status") in ("warn", "inconclusive")],
            "failedTests": [str(c.get("id")) for c in checks if c.get("status") in ("fail", "error")],
        },
    }
    return readable_json(statement, indent=1) + "\n"


def _subject(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest.removeprefix(PREFIX)}}


_FORMULA = tuple("=+-@|%\t＝＋－＠")
COLUMNS = ("record", "created", "campaign", "verdict", "measure", "before", "after", "improvement_percentage", "n")


def to_csv(named: Iterable[Named]) -> str:
    """One line a record and measure. Cells that a spreadsheet would take for a formula begin with a quote mark."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    for name, record in named:
        metrics = record.summary.get("quality_metrics", {})
        for measure, entry in sorted(metrics.items()) if isinstance(metrics, dict) else ():
            values = entry if isinstance(entry, dict) else {}
            cells = [name, record.created, record.campaign, record.verdict.get("status"), measure]
            cells += [values.get(column) for column in COLUMNS[5:]]
            writer.writerow([cell(value) for value in cells])
    return out.getvalue()


def cell(value: Any) -> str | float | int:
    """A CSV cell that no spreadsheet runs (OWASP, CSV injection): text that starts like a formula gets a `'`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = "" if value is None else str(value)
    text = "".join(c for c in text if c in "\t\n" or ord(c) >= 0x20)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _by_evaluation(record: Record) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, arms in record.measures.items():
        evaluation, _, metric = name.partition(".")
        if isinstance(arms, dict):
            found.setdefault(evaluation, {})[metric] = arms
    return found
