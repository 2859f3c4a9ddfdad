"""Records about records: `correction` says what was wrong with one, `waiver` allows a lower threshold.

Neither changes what it is about; both are kept in the same history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from runner.canonical import digest_value
from runner.errors import UsageError
from runner.record import evidence
from runner.record.blank import blank
from runner.record.model import Record

MAX_REASON = 2000  # characters


def correction(campaign: str, records: Sequence[str], *, reason: str, author: str) -> Record:
    """A remark that something about `records` (ids) was wrong, and what.

    Raises:
        UsageError: reason or author say nothing, or too much.
    """
    return _remark("correction", campaign, {"records": sorted(records), "reason": reason, "author": author})


def waiver(campaign: str, policy_digest: str, allows: Sequence[str], *, reason: str, author: str) -> Record:
    """Leave to lower the thresholds at `allows` (places in the spec), for exactly the policy of `policy_digest`.

    Raises:
        UsageError: reason or author say nothing, or too much.
    """
    body = {"policy_digest": policy_digest, "allows": sorted(allows), "reason": reason, "author": author}
    return _remark("waiver", campaign, body)


def _remark(kind: str, campaign: str, body: dict[str, Any]) -> Record:
    for name in ("reason", "author"):
        if not body[name].strip():
            raise UsageError(f"a {kind} without {'a reason' if name == 'reason' else 'an author'} says nothing")
        if len(body[name]) > MAX_REASON:
            raise UsageError(f"the {name} has {len(body[name]):,} characters, the most is {MAX_REASON:,}")
    return replace(
        blank(kind, campaign),
        run_id=digest_value({"kind": kind, "campaign": campaign, "body": body}),
        evidence=evidence.collect(()).digest,
        body=body,
    )
