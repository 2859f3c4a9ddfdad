"""`Record` ↔ canonical JSON bytes, its id, and the upgrades from older schemas.

A record's file holds the canonical JSON and nothing else, so its id is the first half of the file's SHA-256:
`sha256sum ssot/records/<id>.json` proves it. A newer schema is refused, never half-read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from runner.canonical import canonical_json, parse_canonical, plain
from runner.errors import IntegrityError, NewerSchemaError
from runner.record.model import SCHEMA, Record
from runner.record.upgrades import UPGRADES
from runner.shape import ShapeError, build

MAX_RECORD_BYTES = 64 * 2**20
ID_LENGTH = 32
KINDS = ("campaign", "correction", "waiver", "migration")

_FAMILY, _, _VERSION = SCHEMA.rpartition("/v")
CURRENT = int(_VERSION)

_READ_ONLY = "older_id"  # a field of records in memory

_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|\+00:00)")


def to_json(record: Record) -> bytes:
    """The record's canonical bytes: what its file holds."""
    return canonical_json(to_document(record))


def to_document(record: Record) -> dict[str, Any]:
    """The record as plain data of the newest schema."""
    return {name: value for name, value in plain(record).items() if name != _READ_ONLY}


def id_of(data: bytes) -> str:
    """The id of the record whose file holds `data`."""
    return hashlib.sha256(data).hexdigest()[:ID_LENGTH]


def record_id(record: Record) -> str:
    """The id of a record: that of its file. One that was read from an older schema keeps its file's."""
    return record.older_id if _ID.fullmatch(record.older_id) else id_of(to_json(record))


def from_json(data: bytes) -> Record:
    """The record that `data` holds, upgraded to the current schema.

    Raises:
        IntegrityError: not canonical JSON, or not the shape of a record.
        NewerSchemaError: written in a newer schema than this version of lorarun knows.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise IntegrityError(f"record is larger than {MAX_RECORD_BYTES:,} bytes")
    try:
        document = parse_canonical(data)
    except ValueError as error:
        raise IntegrityError(f"record is not valid: {error}") from error
    try:
        record = build(Record, _upgrade(document, data))
    except (ShapeError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"record is not valid: {error}") from error
    _check_values(record)
    return record


def _upgrade(document: Any, data: bytes) -> dict[str, Any]:
    schema = document.get("schema") if isinstance(document, dict) else None
    match = re.fullmatch(rf"{re.escape(_FAMILY)}/v([1-9]\d{{0,5}})", schema) if isinstance(schema, str) else None
    if match is None:
        raise ShapeError("schema", f"is {str(schema)[:60]!r}, not `{SCHEMA}`")
    version = int(match.group(1))
    if version > CURRENT:
        raise NewerSchemaError(
            f"record is of schema `{schema}`, newer than `{SCHEMA}`, the newest that is known here",
            help="update lorarun, then try again",
        )
    if _READ_ONLY in document:
        raise ShapeError(_READ_ONLY, "is not a known field")
    for number in range(version, CURRENT):
        document = UPGRADES[number](document)
    return {**document, _READ_ONLY: id_of(data) if version < CURRENT else ""}


def _check_values(record: Record) -> None:
    wrong = [text for text, fine in _conditions(record).items() if not fine]
    if wrong:
        raise IntegrityError("record is not valid: " + "; ".join(wrong))


def _conditions(record: Record) -> Mapping[str, bool]:
    campaign = record.kind == "campaign"
    digests = [record.evidence, *((record.recipe_digest, record.policy_digest) if campaign else ())]
    digests += [record.observed] if record.observed else []
    return {
        f"`kind` is {record.kind[:60]!r}": record.kind in KINDS,
        "`campaign` is empty": bool(record.campaign),
        "`run_id` is empty": bool(record.run_id),
        f"`created` is {record.created[:60]!r}, not a UTC time": bool(_TIME.fullmatch(record.created)),
        "`parents` holds something else than record ids": all(_ID.fullmatch(p) for p in record.parents),
        "`parents` is not sorted or repeats": list(record.parents) == sorted(set(record.parents)),
        f"`evidence_mode` is {record.evidence_mode[:60]!r}": record.evidence_mode in ("full", "digests"),
        "a digest is not `sha256:` and 64 hex digits": all(_DIGEST.fullmatch(d) for d in digests),
    }
