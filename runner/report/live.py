"""The state of a running or last run as plain data, for a page that follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.run.status import newest, read_status


def live_state(root: Path) -> dict[str, Any]:
    """The newest run's state; `never` where no campaign was started here."""
    campaign = newest(root)
    if campaign is None:
        return {"format": "lorarun/status/v1", "campaign": "", "state": "never", "steps": []}
    return read_status(root, campaign).as_json()
