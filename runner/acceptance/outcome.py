"""How a check ends: its status, and its reason once in words and once as a code with values, for other languages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runner.acceptance.model import Check


def end(check: Check, status: str, code: str, reason: str, **values: Any) -> Check:
    """`check` with its outcome. `values` are JSON data."""
    return replace(check, status=status, reason=reason, details=check.details | {"code": code, "values": values})
