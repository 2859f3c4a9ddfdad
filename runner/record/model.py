"""`Record`: one immutable, content-addressed account of one campaign run, and the evidence rows it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SCHEMA = "lorarun/record/v2"


@dataclass(frozen=True)
class StepRecord:
    """What one step was and made."""

    id: str
    kind: str
    key: str
    action: str  # run | cached
    reasons: tuple[str, ...]
    components: dict[str, Any]  # the parts of the key
    outputs: dict[str, str]  # file → digest
    measures: dict[str, Any]  # losses, tokens, seconds, paths taken
    memory: dict[str, Any]  # forecast_bytes, peak_bytes, mlx_peak_bytes, limit_bytes, samples, gaps; v1: timeline
    seconds: float


@dataclass(frozen=True)
class Record:
    """The account. Its id is the first 32 hex digits of the digest of its file: the canonical JSON of all fields."""

    schema: str
    kind: str  # campaign | correction | waiver | migration
    campaign: str
    run_id: str  # digest of (recipe, policy, outputs): makes appending idempotent
    created: str  # RFC 3339, UTC
    parents: tuple[str, ...]
    spec: dict[str, Any]  # the resolved document
    spec_path: str
    spec_digest: str  # of the file's bytes
    recipe_digest: str
    policy_digest: str
    seed: int
    environment: dict[str, Any]
    models: dict[str, Any]
    data: dict[str, Any]  # data set → split → digest, rows, findings
    steps: tuple[StepRecord, ...]
    measures: dict[str, Any]  # "<evaluation>.<metric>" → arm → value, signature, n
    quantities: dict[str, Any]
    verdict: dict[str, Any]  # `Verdict` as plain data
    attempts: dict[str, tuple[str, ...]]  # test data digest → record ids that opened it before, this one not counted
    evidence: str  # sha256 of the evidence rows' canonical text; ssot/evidence/<hex>.jsonl.gz
    evidence_mode: str  # full | digests
    summary: dict[str, Any]  # the ticket's field names
    chains: dict[str, Any] = field(default_factory=dict)  # chain evaluation → attribution arms
    notes: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)  # what a correction, waiver or migration says
    lorarun: str = ""  # the version that made the record; "" where its schema did not say (v1)
    observed: str = ""  # digest of what the machine was seen to do, kept like the evidence; "" where nothing was (v1)
    older_id: str = ""  # the file's id of a record that was read from an older schema; in no file
