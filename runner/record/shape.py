"""Plain JSON data → frozen dataclasses, by their annotations: every field present, of its type, and no other.

Knows no schema versions; `codec` upgrades a document before it comes here.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")


class ShapeError(ValueError):
    """A value has another shape than its type says. `place` is a path like `steps[2].seconds`."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"`{place or 'document'}` {message}")


def build(kind: type[T], value: Any, place: str = "") -> T:
    """A `kind` (a frozen dataclass) made of the plain `value`.

    Raises:
        ShapeError: a field is missing, unknown or of another type.
    """
    if not isinstance(value, dict):
        raise ShapeError(place, f"is {_name(value)}, not an object")
    hints = _hints(kind)
    for name in value:
        if name not in hints:
            raise ShapeError(_join(place, str(name)[:60]), "is not a known field")
    for name in hints:
        if name not in value:
            raise ShapeError(_join(place, name), "is missing")
    return kind(**{name: _value(hint, value[name], _join(place, name)) for name, hint in hints.items()})


def _hints(kind: Any) -> dict[str, Any]:
    if kind not in _KNOWN:
        hints = typing.get_type_hints(kind)
        _KNOWN[kind] = {f.name: hints[f.name] for f in dataclasses.fields(kind)}
    return _KNOWN[kind]


_KNOWN: dict[Any, dict[str, Any]] = {}  # annotations are texts; reading them once is most of the time


def _value(hint: Any, value: Any, place: str) -> Any:
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return build(typing.cast("type[Any]", hint), value, place)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _value(next(a for a in arguments if a is not type(None)), value, place)
    if origin is tuple:
        return _tuple(arguments, value, place)
    if origin is dict:
        if not isinstance(value, dict):
            raise ShapeError(place, f"is {_name(value)}, not an object")
        return {k: _value(arguments[1], v, f"{place}[{k[:60]!r}]") for k, v in value.items()}
    return _scalar(hint, value, place)


def _tuple(arguments: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ShapeError(place, f"is {_name(value)}, not a list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_value(arguments[0], v, f"{place}[{i}]") for i, v in enumerate(value))
    if len(arguments) != len(value):
        raise ShapeError(place, f"has {len(value)} entries, not {len(arguments)}")
    return tuple(_value(a, v, f"{place}[{i}]") for i, (a, v) in enumerate(zip(arguments, value, strict=True)))


def _scalar(hint: Any, value: Any, place: str) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise ShapeError(place, f"is {_name(value)}, not {_WORDS.get(hint, hint.__name__)}")
    return value


_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


def _name(value: Any) -> str:
    return "null" if value is None else _WORDS.get(type(value), type(value).__name__)


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
