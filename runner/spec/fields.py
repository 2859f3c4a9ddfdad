"""Short makers of Cerberus rules: one call is one key of the spec, with its type, default, bounds and its sentence.

`meta` is kept by Cerberus and read by us: `doc` (the sentence of the documentation), `unit` (size, duration, share),
`ref` (what the text names: model, dataset, …), `words` (texts that stand beside another type, such as `auto`) and
`owner` (the room that acts on the key).
"""

from __future__ import annotations

from typing import Any

Rules = dict[str, Any]

ID = r"[a-z0-9가-힣][a-z0-9가-힣_-]{0,63}"
FIELD_NAME = r"[a-z][a-z0-9_]{0,63}"
_MISSING = object()


def _rules(kind: str | list[str], doc: str, default: Any, **more: Any) -> Rules:
    meta = {"doc": doc, **more.pop("meta", {})}
    made: Rules = {"type": kind, "meta": meta, **more}
    if default is _REQUIRED:
        made["required"] = True
    elif default is not _MISSING:
        made["default"] = default
        if default is None:
            made["nullable"] = True
    return made


_REQUIRED = object()
REQUIRED: Any = _REQUIRED
ABSENT: Any = _MISSING  # optional, and nothing stands for it when it is not there


def text(doc: str, default: Any = "", **rules: Any) -> Rules:
    """A text; empty ones are refused unless the default is empty."""
    if default == "":
        return _rules("string", doc, default, maxlength=rules.pop("maxlength", 100_000), **rules)
    return _rules("string", doc, default, empty=False, maxlength=rules.pop("maxlength", 100_000), **rules)


def choice(doc: str, options: list[Any], default: Any) -> Rules:
    """One of a few texts."""
    return _rules("string", doc, default, allowed=options)


def name(doc: str, default: Any = REQUIRED) -> Rules:
    """An id: small letters, digits, Hangul, `-` and `_`."""
    return _rules("string", doc, default, regex=ID)


def ref(doc: str, kind: str, default: Any = REQUIRED) -> Rules:
    """The id of something else in the spec."""
    return _rules("string", doc, default, meta={"ref": kind}, **({} if default == "" else {"empty": False}))


def whole(doc: str, default: Any, low: int, high: int, **rules: Any) -> Rules:
    """A whole number within bounds."""
    return _rules("integer", doc, default, min=low, max=high, **rules)


def real(doc: str, default: Any, low: float, high: float, **rules: Any) -> Rules:
    """A number within bounds."""
    return _rules("number", doc, default, min=low, max=high, **rules)


def flag(doc: str, default: bool) -> Rules:
    """true or false."""
    return _rules("boolean", doc, default)


def word_or(doc: str, kind: str, words: list[str], default: Any, **rules: Any) -> Rules:
    """A number or flag, or one of a few words such as `auto`."""
    meta = {"words": words}
    return _rules([kind, "string"], doc, default, check_with="words", meta=meta, **rules)


def unit(doc: str, kind: str, default: Any, *, positive: bool = False) -> Rules:
    """A text with a unit: `size`, `duration` or `share`; a share may also be a bare 0."""
    types = ["string", "number"] if kind == "share" else "string"
    return _rules(types, doc, default, check_with=kind, meta={"unit": kind, "positive": positive})


def section(doc: str, keys: dict[str, Rules], default: Any = ABSENT, *, optional: bool = False) -> Rules:
    """A mapping with known keys. Its own keys' defaults hold when it is not there, unless it is `optional`."""
    return _rules("dict", doc, default, schema=keys, meta={"optional": True} if optional else {})


def table(doc: str, item: dict[str, Rules], default: Any = ABSENT) -> Rules:
    """A mapping of ids to sections."""
    rules = {"type": "dict", "schema": item}
    return _rules("dict", doc, default, keysrules={"type": "string", "regex": ID}, valuesrules=rules)


def items(doc: str, item: Rules, default: Any = ABSENT, **rules: Any) -> Rules:
    """A list."""
    return _rules("list", doc, default, schema=item, **rules)


def partial(keys: dict[str, Rules]) -> dict[str, Rules]:
    """The same keys with nothing required and no defaults: what may be written under `defaults`."""
    made = {}
    for key, rules in keys.items():
        made[key] = {k: v for k, v in rules.items() if k not in ("required", "default")}
        if rules["type"] == "dict" and "schema" in rules:
            made[key]["schema"] = partial(rules["schema"])
    return made
