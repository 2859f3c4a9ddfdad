"""Broken schema rules → diagnostics: what is wrong, in words, and what would be right."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from runner.errors import Diagnostic
from runner.spec import units
from runner.spec.fields import ID
from runner.spec.model import Key
from runner.spec.schema import API_VERSION
from runner.spec.source import Tree, at_key, at_value, dotted
from runner.spec.suggest import closest, did_you_mean, foreign, id_like
from runner.spec.validator import Fault, keys_at

_LANGUAGES = {"kr": "ko", "ko-kr": "ko", "korean": "ko", "한국어": "ko", "us": "en", "en-us": "en", "english": "en"}
_KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "dict": "a section of keys",
}


def complain(tree: Tree, fault: Fault, schema: dict[str, Any]) -> Diagnostic:
    """The diagnostic for one fault, placed where the wrong value or key was written."""
    origin = tree.nearest(fault.place)
    written = origin.written if fault.place in tree.origins else (*origin.written, *fault.place[-1:])
    name = f"`{dotted(written)}`"
    if fault.rule == "unknown":
        return _unknown(tree, fault, schema)
    if fault.rule == "required":
        held = dotted(tree.nearest(fault.place[:-1]).written)
        where = f" in `{held}`" if held else ""
        return at_key(origin, "E102", f"`{fault.place[-1]}` is missing{where}", help=_lead(fault))
    if fault.rule == "key":
        help = "an id has small letters, digits, Hangul, `-` and `_`, at most 64"
        if fault.constraint == ID and re.fullmatch(ID, id_like(str(fault.place[-1]))):
            help = f"write `{id_like(str(fault.place[-1]))}`: {help}"
        elif fault.constraint != ID:
            help = "a field's name has small letters, digits and `_`, and begins with a letter"
        return at_key(origin, "E106", f"`{str(fault.place[-1])[:80]}` cannot be a name here", help=help)
    code, message, help = _explain(fault, name)
    return at_value(origin, code, message, help=help)


def _unknown(tree: Tree, fault: Fault, schema: dict[str, Any]) -> Diagnostic:
    origin = tree.nearest(fault.place)
    known = keys_at(schema, fault.place[:-1])
    word = str(fault.place[-1])
    typed = unicodedata.normalize("NFKC", word).strip()  # without full-width spaces and colons
    holder = dotted(origin.written[:-1])
    where = f" in `{holder}`" if holder else ""
    near = closest(typed, known, likeness=0.8)  # a slip of the keyboard, before a key in the wrong section
    help = foreign(typed, known) or ("" if near else _elsewhere(typed, schema, fault.place[:-1], known))
    help = help or did_you_mean(typed, known, what="keys known here")
    return at_key(origin, "E101", f"unknown key `{word[:80]}`{where}", help=help)


def _elsewhere(word: str, schema: dict[str, Any], place: Key, known: list[str]) -> str:
    """The section beside the key that knows it, or the section around it that does."""
    for section in known:
        if word in keys_at(schema, (*place, section)):
            return f"it belongs in `{section}`: write `{section}: {{{word}: …}}`"
    if place and word in keys_at(schema, place[:-1]):
        return f"it belongs one level up, beside `{place[-1]}`"
    return ""


def _lead(fault: Fault) -> str:
    doc = fault.rules.get("meta", {}).get("doc", "")
    if fault.place == ("apiVersion",):
        return f"write `apiVersion: {API_VERSION}`"
    if fault.place == ("kind",):
        return "write `kind: Campaign`"
    if fault.place == ("metadata",):
        return "write `metadata: {name: …}`"
    return f"`{fault.place[-1]}`: {doc[:1].lower()}{doc[1:].rstrip('.')}" if doc else ""


def _explain(fault: Fault, name: str) -> tuple[str, str, str]:
    """Code, message and help."""
    value = _shown(fault.value)
    if fault.rule == "regex" and fault.value == "":
        return "E108", f"{name} is empty", _advice(fault)
    if fault.rule in _PLAIN:
        code, message = _PLAIN[fault.rule]
        length = _length(fault)
        return (code, message.format(name=name, value=value, limit=fault.constraint, length=length), _advice(fault))
    if fault.rule == "type":
        return _wrong_type(fault, name, value)
    if fault.rule == "unit":
        return _unit(fault, name, value)
    if fault.place == ("apiVersion",):
        return _version(fault)
    return "E105", f"{name} cannot be {value}", _choices(fault)


_PLAIN = {
    "nullable": ("E104", "{name} has no value"),
    "min": ("E103", "{name} is {value}, the least is {limit}"),
    "max": ("E103", "{name} is {value}, the most is {limit}"),
    "range": ("E103", "{name} is {value}, the least is 0"),
    "minlength": ("E103", "{name} has {length}, the least is {limit}"),
    "maxlength": ("E103", "{name} has a length of {length}, the most is {limit}"),
    "empty": ("E108", "{name} is empty"),
    "regex": ("E106", "{name} cannot be {value}"),
    "positive": ("E103", "{name} is {value}, it must be more than 0"),
    "decimal": ("E106", "{name} cannot be {value}"),
}


def _length(fault: Fault) -> str:
    count = len(fault.value) if isinstance(fault.value, str | list | dict) else 0
    if fault.rule != "minlength":
        return f"{count:,}"
    return "no entry" if count == 0 else "1 entry" if count == 1 else f"{count:,} entries"


def _advice(fault: Fault) -> str:
    if fault.rule == "nullable":
        return _wanted(fault)
    if fault.rule == "positive":
        return "leave it out for no limit"
    if fault.rule == "minlength" and fault.value in ([], {}) and fault.rules.get("default"):
        return "leave it out for what is usual"
    if fault.rule == "decimal":
        return "write a plain decimal such as 258.3"
    if fault.rule == "regex" and fault.constraint == ID:
        near = id_like(str(fault.value))
        lead = f"write `{near}`: " if re.fullmatch(ID, near) else ""
        return f"{lead}small letters, digits, Hangul, `-` and `_`, at most 64"
    return ""


def _choices(fault: Fault) -> str:
    words = fault.rules.get("meta", {}).get("words", [])
    if fault.rule != "words":
        if str(fault.value).casefold() in _LANGUAGES and "ko" in fault.constraint:
            return f"did you mean `{_LANGUAGES[str(fault.value).casefold()]}`?"
        return did_you_mean(str(fault.value), [o for o in fault.constraint if o], what="one of")
    kinds = [_KINDS[kind] for kind in fault.rules["type"] if kind != "string"]
    return f"write {' or '.join(f'`{word}`' for word in words)}, or {' or '.join(kinds)}"


def _version(fault: Fault) -> tuple[str, str, str]:
    text = str(fault.value)
    help = f"write `{API_VERSION}`, the version that this lorarun reads"
    if text.startswith("lorarun/v") and text[9:].isdecimal() and int(text[9:][:6]) > 1:
        return (
            "E109",
            f"the spec's language `{text}` is newer than this lorarun",
            f"this lorarun reads `{API_VERSION}`; install a newer one",
        )
    if text.startswith("lorarun/v") and text[9:].isdecimal():
        help = f"this lorarun reads `{API_VERSION}`; `lorarun migrate` rewrites an older spec"
    return "E109", f"`apiVersion` cannot be {_shown(fault.value)}", help


def _wrong_type(fault: Fault, name: str, value: str) -> tuple[str, str, str]:
    unit = fault.rules.get("meta", {}).get("unit", "")
    if unit and isinstance(fault.value, int | float) and not isinstance(fault.value, bool):
        return _unit(fault, name, value)
    return "E104", f"{name} is {_kind(fault.value)}, not {_kinds(fault.constraint)}", _wanted(fault, value)


def _unit(fault: Fault, name: str, value: str) -> tuple[str, str, str]:
    unit = fault.rules.get("meta", {}).get("unit", "")
    if not unit and fault.rules.get("check_with") == "bound":
        help = "write a number, or a figure with its unit: `20GB`, `8h`, `5%`"
        near = next((text for kind in ("size", "duration") if (text := units.meant(fault.value, kind))), "")
        return "E107", f"{name} cannot be read: {value}", f"did you mean `{near}`?" if near else help
    unit = unit or "share"
    near = units.meant(fault.value, unit)
    if isinstance(fault.value, int | float):
        return "E107", f"{name} is {value} without a unit", f"write it with its unit: `{near or units.EXAMPLES[unit]}`"
    if near:
        return "E107", f"{name} cannot be read as a {unit}: {value}", f"did you mean `{near}`?"
    known = {"size": units.SIZE_UNITS, "duration": units.DURATION_UNITS}.get(unit)
    help = f"write it like `{units.EXAMPLES[unit]}`" + (f"; units: {', '.join(known)}" if known else "")
    if unit == "share" and fault.value.startswith("-"):
        help = "write it without a sign: `15%` counts in the metric's own direction"
    return "E107", f"{name} cannot be read as a {unit}: {value}", help


def _wanted(fault: Fault, value: str = "") -> str:
    kinds = fault.rules.get("type", "string")
    if isinstance(fault.value, str) and ("number" in kinds or "integer" in kinds):
        percent = fault.value.removesuffix("%")
        if percent != fault.value and _is_number(percent):
            return f"write {float(percent) / 100:g}"
        narrow = unicodedata.normalize("NFKC", fault.value)
        if narrow != fault.value and _is_number(narrow):
            return f"its digits are full-width: write {narrow}"
        return "write the number without quotes" if _is_number(fault.value) else f"write {_kinds(kinds)}"
    if kinds == "string" and isinstance(fault.value, int | float):
        return f'write "{fault.value}" for a text' if not isinstance(fault.value, bool) else ""
    if kinds == "list" and isinstance(fault.value, str):
        return f"write [{fault.value[:40]}]"
    return f"write {_kinds(kinds)}" if fault.value is None else ""


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?", text.strip(), re.ASCII))


def _kinds(kinds: Any) -> str:
    listed = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(_KINDS[kind] for kind in listed)


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    for kind, types in (("boolean", bool), ("integer", int), ("number", float), ("string", str), ("list", list)):
        if isinstance(value, types):
            return _KINDS[kind] + (f" ({_shown(value)})" if kind != "list" else "")
    return _KINDS["dict"]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    text = str(value)
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"
