"""The resolved document inside a record → `Spec`, as it was when the record was made. Looks at no file."""

from __future__ import annotations

from typing import Any

from runner.errors import IntegrityError
from runner.spec import resolve
from runner.spec.model import Spec
from runner.spec.source import dotted
from runner.spec.validator import faults


def spec_of(document: dict[str, Any], path: str) -> Spec:
    """The campaign that a resolved document describes.

    Raises:
        IntegrityError: it breaks a rule of the schema, so it is no document that was ever resolved.
    """
    try:
        written = _said(document)
        found = faults(written)
        if found:
            raise IntegrityError(f"the spec inside the record breaks a rule at `{dotted(found[0].place)[:200]}`")
        return resolve.campaign(written, path)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"the spec inside the record cannot be read: {error}") from error


def _said(value: Any) -> Any:
    """A copy without what was left unsaid: a resolved document has `null` there, a written one has nothing."""
    if isinstance(value, dict):
        return {key: _said(item) for key, item in value.items() if item is not None}
    return [_said(item) for item in value] if isinstance(value, list) else value
