"""What another version of lorarun explains of a record: believed of records that are on the base, of no others. Pure.

A record says itself which version made its steps. Nobody can check that, so on a record that a change brings it would
be a way around every comparison that needs today's version.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runner.record.model import SCHEMA, Record
from runner.verify.model import Finding

AGAIN = "made by another version of lorarun: apply again with this one"


def compare_schema(record: Record) -> tuple[Finding, ...]:
    """A finding if the record's file is of an older schema."""
    if not record.older_id:
        return ()
    said = f"its schema is older than `{SCHEMA}`: memory over time stands in the record alone, with nothing beside it"
    return (Finding("schema", "unchecked", said, by_version=True),)


def settle(findings: Iterable[Finding], *, on_base: bool) -> tuple[Finding, ...]:
    """The findings against a base: what another version would explain makes a record stale that is not there."""
    return tuple(
        replace(f, status="stale", message=f"{f.message}; {AGAIN}") if f.by_version and not on_base else f
        for f in findings
    )
