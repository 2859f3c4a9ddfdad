"""Plain JSON data → frozen dataclasses, by their annotations: every field present, of its type, and no other.

Knows no schema versions and no defaults; who reads an older document fills it up before it comes here.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Reader = Callable[[Any], Any]


class ShapeError(ValueError):
    """A value has another shape than its type says. `place` is a path like `steps[2].seconds`."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"`{place or 'document'}` {message}")
        self.place, self.message = place, message


def build(kind: type[T], value: Any, place: str = "") -> T:
    """A `kind` (a frozen dataclass) made of the plain `value`.

    Raises:
        ShapeError: a field is missing, unknown or of another type.
    """
    try:
        return typing.cast(T, _reader(kind)(value))
    except ShapeError as error:
        raise _under(place, error) from None


_READERS: dict[Any, Reader] = {}  # made once for each type: ten thousand records are read in seconds


def _reader(hint: Any) -> Reader:
    if hint not in _READERS:
        _READERS[hint] = _made(hint)
    return _READERS[hint]


def _made(hint: Any) -> Reader:
    if hint is Any:
        return lambda value: value
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        inner = _reader(next(a for a in arguments if a is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _list(_reader(arguments[0])) if arguments[1:] == (Ellipsis,) else _row(tuple(map(_reader, arguments)))
    if origin is dict:
        return _table(_reader(arguments[1]))
    return _scalar(hint)


def _dataclass(kind: Any) -> Reader:
    hints = typing.get_type_hints(kind)
    fields = {f.name: _reader(hints[f.name]) for f in dataclasses.fields(kind)}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ShapeError("", f"is {_name(value)}, not an object")
        if value.keys() != fields.keys():
            for name in value:
                if name not in fields:
                    raise ShapeError(str(name)[:60], "is not a known field")
            raise ShapeError(next(name for name in fields if name not in value), "is missing")
        made = {}
        name = ""
        try:
            for name, reader in fields.items():
                made[name] = reader(value[name])
        except ShapeError as error:
            raise _under(name, error) from None
        return kind(**made)

    return read


def _list(item: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise ShapeError("", f"is {_name(value)}, not a list")
        return _sequence([item] * len(value), value)

    return read


def _row(items: tuple[Reader, ...]) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise ShapeError("", f"is {_name(value)}, not a list")
        if len(value) != len(items):
            raise ShapeError("", f"has {len(value)} entries, not {len(items)}")
        return _sequence(items, value)

    return read


def _sequence(readers: Sequence[Reader], values: list[Any]) -> tuple[Any, ...]:
    made: list[Any] = []
    try:
        for reader, value in zip(readers, values, strict=True):
            made.append(reader(value))  # its length is the place of an error
    except ShapeError as error:
        raise _under(f"[{len(made)}]", error) from None
    return tuple(made)


def _table(item: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ShapeError("", f"is {_name(value)}, not an object")
        if item is _ANYTHING:
            return dict(value)
        made = {}
        key = ""
        try:
            for key, one in value.items():
                made[key] = item(one)
        except ShapeError as error:
            raise _under(f"[{key[:60]!r}]", error) from None
        return made

    return read


def _scalar(hint: Any) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is hint:
            return value
        if hint is float and type(value) is int:
            return float(value)
        raise ShapeError("", f"is {_name(value)}, not {_WORDS.get(hint, hint.__name__)}")

    return read


_ANYTHING = _reader(Any)
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


def _under(place: str, error: ShapeError) -> ShapeError:
    joint = "." if place and error.place and not error.place.startswith("[") else ""
    return ShapeError(f"{place}{joint}{error.place}", error.message)
