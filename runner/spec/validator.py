"""The strict Cerberus validator, and its raw errors as findings with a place.

Stock Cerberus takes `true` for a number, and lets `$` match before a last newline; this one does neither.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

import cerberus
from cerberus import errors as rules

from runner.spec import units
from runner.spec.model import Key
from runner.spec.schema import CAMPAIGN

_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", re.ASCII)


@dataclass(frozen=True)
class Fault:
    """One broken rule: `rule` is Cerberus' name of it, or that of one of our checks."""

    place: Key
    rule: str
    constraint: Any
    value: Any
    rules: dict[str, Any]  # of the key that is wrong; {} where the key is not known


class StrictValidator(cerberus.Validator):  # type: ignore[misc]
    """Cerberus with real numbers, whole regexes and our units. Checks are named after `check_with`."""

    types_mapping: ClassVar = {
        **cerberus.Validator.types_mapping,
        "integer": cerberus.TypeDefinition("integer", (int,), (bool,)),
        "number": cerberus.TypeDefinition("number", (int, float), (bool,)),
    }

    def _validate_regex(self, pattern: str, field: Any, value: Any) -> None:
        """{'type': 'string'}"""
        if isinstance(value, str) and not re.fullmatch(pattern, value):
            self._error(field, rules.REGEX_MISMATCH)

    def _check_with_words(self, field: Any, value: Any) -> None:
        if isinstance(value, str) and value not in self.schema[field]["meta"]["words"]:
            self._error(field, "words")

    def _unit(self, field: Any, value: Any) -> None:
        kind = self.schema[field]["meta"]["unit"]
        if value is None:  # `nullable` has judged it; Cerberus calls named checks all the same
            return
        if not isinstance(value, str) or not re.fullmatch(units.PATTERNS[kind], value, re.ASCII):
            self._error(field, "unit")
        elif self.schema[field]["meta"]["positive"] and not float(re.sub("[^0-9.]", "", value)):
            self._error(field, "positive")

    def _check_with_size(self, field: Any, value: Any) -> None:
        self._unit(field, value)

    def _check_with_duration(self, field: Any, value: Any) -> None:
        self._unit(field, value)

    def _check_with_share(self, field: Any, value: Any) -> None:
        if value != 0 or isinstance(value, str):
            self._unit(field, value)

    def _check_with_improvement(self, field: Any, value: Any) -> None:
        if isinstance(value, str) and not re.fullmatch(units.SHARE, value, re.ASCII):
            self._error(field, "unit")
        elif isinstance(value, int | float) and not 0 <= value < 1e9:
            self._error(field, "range")
        elif isinstance(value, int | float) and value and self.document.get("kind", "relative") != "points":
            self._error(field, "unit")

    def _check_with_bound(self, field: Any, value: Any) -> None:
        known = (units.SHARE, units.SIZE, units.DURATION)
        if isinstance(value, str) and not any(re.fullmatch(pattern, value, re.ASCII) for pattern in known):
            self._error(field, "unit")

    def _check_with_decimal(self, field: Any, value: Any) -> None:
        if decimal_text(value) is None:
            self._error(field, "decimal")


def decimal_text(value: Any) -> str | None:
    """`258.3` for 258.3 or "258.3": the exact decimal as it was written; None for what is no plain decimal."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    text = str(value)
    if not _DECIMAL.fullmatch(text):
        return None
    try:
        return str(Decimal(text))
    except InvalidOperation:
        return None


def faults(document: dict[str, Any], schema: dict[str, Any] | None = None) -> list[Fault]:
    """Every rule of the schema that `document` breaks."""
    used = CAMPAIGN if schema is None else schema
    validator = StrictValidator()
    # Giving the schema to the constructor makes Cerberus check the schema itself, 60 ms a start; a test does it once.
    validator._schema = used
    if validator.validate(document, normalize=False):
        return []
    return [_fault(error, used) for error in _leaves(validator._errors)]


def _leaves(errors: Any) -> Iterator[Any]:
    for error in errors:
        if (error.is_group_error or error.is_logic_error) and error.child_errors:
            yield from _leaves(error.child_errors)
        else:
            yield error


def _fault(error: Any, schema: dict[str, Any]) -> Fault:
    place = tuple(error.document_path)
    if "keysrules" in error.schema_path:
        return Fault(place, "key", error.constraint, error.value, {})
    rule = error.rule
    if error.code == rules.UNKNOWN_FIELD.code:
        rule = "unknown"
    elif error.code == rules.CUSTOM.code:
        rule = str(error.info[0])
    return Fault(place, rule, error.constraint, error.value, rules_at(schema, place) or {})


def rules_at(schema: dict[str, Any], place: Key) -> dict[str, Any] | None:
    """The rules of the value at `place`, None where the schema knows no such place."""
    current: dict[str, Any] = {"type": "dict", "schema": schema}
    for part in place:
        if isinstance(part, int):
            following = current.get("schema")
        elif "valuesrules" in current:
            following = current["valuesrules"]
        else:
            following = current.get("schema", {}).get(part)
        if not isinstance(following, dict):
            return None
        current = following
    return current


def keys_at(schema: dict[str, Any], place: Key) -> list[str]:
    """The keys that the mapping at `place` may have; [] where it takes ids or is no mapping."""
    found = rules_at(schema, place)
    if not found or "valuesrules" in found or "dict" not in found["type"]:
        return []
    return list(found.get("schema", {}))
