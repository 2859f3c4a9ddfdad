"""The spec's language as JSON Schema (draft 2020-12), made from the Cerberus data, for editors and other tools.

It says what the schema can say about one document. What it cannot: references between sections, options of metrics,
and that `8.0` is no whole number (JSON Schema has it that it is).
"""

from __future__ import annotations

import json
from typing import Any

from runner.spec import units
from runner.spec.fields import Rules
from runner.spec.schema import DOCUMENT, PLURALS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = {"$ref": "#/$defs/variable"}
_TYPES = {"dict": "object", "list": "array"}
_DECIMAL = r"-?[0-9]{1,12}(\.[0-9]{1,6})?"


def json_schema() -> dict[str, Any]:
    """The whole schema."""
    body = _section(DOCUMENT)
    required = {
        kind: body["properties"][plural]["additionalProperties"].pop("required", []) for kind, plural in PLURALS.items()
    }
    return {
        "$schema": DRAFT,
        "title": "lorarun campaign",
        "description": "A LoRA tuning campaign as code.",
        **body,
        "allOf": [_unless_shared(kind, plural, required[kind]) for kind, plural in PLURALS.items()],
        "$defs": {"variable": {"type": "string", "pattern": _whole(r"\$\{vars\.[^{}\s]{1,100}\}")}},
    }


def schema_text() -> str:
    """The schema as it is written to files."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=1) + "\n"


def _unless_shared(kind: str, plural: str, required: list[str]) -> dict[str, Any]:
    """What every entry must have, where `defaults` does not say it for all."""
    shared = {"properties": {"defaults": {"required": [kind]}}, "required": ["defaults"]}
    every = {"properties": {plural: {"additionalProperties": {"required": required}}}}
    return {"if": shared, "else": every}


def _whole(pattern: str) -> str:
    # In Python's `re`, and in readers built on it, `$` also matches before a last newline.
    return rf"^(?:{pattern})(?!\n)$"


def _section(keys: dict[str, Rules]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "object",
        "properties": {key: _described(rules) for key, rules in keys.items()},
        "additionalProperties": False,
    }
    required = [key for key, rules in keys.items() if rules.get("required")]
    return made | ({"required": required} if required else {})


def _described(rules: Rules) -> dict[str, Any]:
    made = _value(rules)
    meta = rules.get("meta", {})
    words = {"description": meta["doc"]} if "doc" in meta else {}
    if "default" in rules and rules["default"] is not None:
        words["default"] = rules["default"]
    return words | made


def _value(rules: Rules) -> dict[str, Any]:
    check = rules.get("check_with")
    if check == "improvement":
        return {"anyOf": [_pattern(units.SHARE), {"type": "number", "minimum": 0, "exclusiveMaximum": 1e9}, VARIABLE]}
    if check in ("size", "duration", "share"):
        return _unit(rules, check)
    if check == "bound":
        known = "|".join(f"(?:{pattern})" for pattern in (units.SHARE, units.SIZE, units.DURATION))
        return {"anyOf": [_pattern(known), {"type": "number"}, VARIABLE]}
    if check == "decimal":
        number = {"type": "number", "exclusiveMinimum": -1e12, "exclusiveMaximum": 1e12}
        return {"anyOf": [_pattern(_DECIMAL), number, VARIABLE]}
    kinds = [rules["type"]] if isinstance(rules["type"], str) else rules["type"]
    options = [_kind(kind, rules) for kind in kinds]
    if rules.get("nullable"):
        options.append({"type": "null"})
    if not set(kinds) & {"dict", "list"}:
        options.append(VARIABLE)
    return options[0] if len(options) == 1 else {"anyOf": options}


def _pattern(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": _whole(pattern)}


def _unit(rules: Rules, check: str) -> dict[str, Any]:
    pattern = units.PATTERNS[check]
    if rules["meta"]["positive"]:
        pattern = f"(?=.*[1-9]){pattern}"
    options = [_pattern(pattern), VARIABLE]
    if check == "share":
        options.append({"const": 0})
    if rules.get("nullable"):
        options.append({"type": "null"})
    return {"anyOf": options}


def _kind(kind: str, rules: Rules) -> dict[str, Any]:
    if kind == "string":
        return _string(rules)
    made: dict[str, Any] = {"type": _TYPES.get(kind, kind)}
    if kind in ("integer", "number"):
        made |= {new: rules[old] for old, new in (("min", "minimum"), ("max", "maximum")) if old in rules}
    elif kind == "list":
        made |= {new: rules[old] for old, new in (("minlength", "minItems"), ("maxlength", "maxItems")) if old in rules}
        made |= {"items": _described(rules["schema"])} if "schema" in rules else {}
    elif kind == "dict":
        made = _mapping(rules)
    return made


def _string(rules: Rules) -> dict[str, Any]:
    words = rules.get("allowed") or (rules["meta"]["words"] if "words" in rules.get("meta", {}) else None)
    if words:
        return {"enum": list(words)}
    made: dict[str, Any] = {"type": "string"}
    if rules.get("empty") is False:
        made["minLength"] = 1
    if "maxlength" in rules:
        made["maxLength"] = rules["maxlength"]
    if "regex" in rules:
        made["pattern"] = _whole(rules["regex"])
    return made


def _mapping(rules: Rules) -> dict[str, Any]:
    if "valuesrules" not in rules:
        made = _section(rules["schema"])
        return _target(made) if "min_improvement" in rules["schema"] else made
    made = {"type": "object", "additionalProperties": _described(rules["valuesrules"])}
    if "regex" in rules.get("keysrules", {}):
        made["propertyNames"] = {"pattern": _whole(rules["keysrules"]["regex"])}
    return made | ({"minProperties": rules["minlength"]} if "minlength" in rules else {})


def _target(made: dict[str, Any]) -> dict[str, Any]:
    """A bare number is an improvement only where it is points."""
    points = {"properties": {"kind": {"const": "points"}}, "required": ["kind"]}
    share = {"anyOf": [_pattern(units.SHARE), {"const": 0}, VARIABLE]}
    return made | {"if": points, "else": {"properties": {"min_improvement": share}}}
