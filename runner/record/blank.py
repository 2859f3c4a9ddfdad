"""`blank`: a record that says nothing yet, for whoever makes one to fill in what it has to say."""

from __future__ import annotations

from datetime import UTC, datetime

from runner import __version__
from runner.record.model import SCHEMA, Record


def blank(kind: str, campaign: str) -> Record:
    """A record of the present schema, made now by this version of lorarun. It has no run id and no evidence."""
    return Record(
        schema=SCHEMA,
        kind=kind,
        campaign=campaign,
        run_id="",
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        parents=(),
        spec={},
        spec_path="",
        spec_digest="",
        recipe_digest="",
        policy_digest="",
        seed=0,
        environment={},
        models={},
        data={},
        steps=(),
        measures={},
        quantities={},
        verdict={},
        attempts={},
        evidence="",
        evidence_mode="full",
        summary={},
        lorarun=__version__,
    )
