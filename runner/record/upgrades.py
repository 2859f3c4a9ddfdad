"""Upgrades of records: for each schema but the newest, a pure function that makes the next one's document of one.

Records on disk stay as they are. An upgrade invents nothing: what the older schema did not say stays unsaid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Document = dict[str, Any]


def from_v1(document: Document) -> Document:
    """A document of `lorarun/record/v2`.

    v2 names the version of lorarun, and keeps what was seen of the machine in rows of its own. Of v1, memory over time
    stays in the steps.
    """
    return {**document, "schema": "lorarun/record/v2", "lorarun": "", "observed": ""}


UPGRADES: dict[int, Callable[[Document], Document]] = {1: from_v1}
