"""Canonical JSON (RFC 8785) and digests of values, texts and files.

A digest is written `sha256:<64 hex>`. Tensors are digested by the engines, by content, because equal tensors may
lie in safetensors files with different bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import rfc8785

PREFIX = "sha256:"
# Floats inside an object that RFC 8785 writes otherwise than the standard library: whole ones, those with an exponent.
_WHOLE, _EXPONENT = re.compile(rb"\.0[,\]}]"), re.compile(rb"e[+-][0-9]{2,3}[,\]}]")
_BEYOND_BMP = tuple(bytes([first]) for first in range(0xF0, 0xF5))  # first bytes of four-byte UTF-8
# What was just parsed has no circles to look for.
_PLAIN = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
_SCALARS = (str, int, float, bool, type(None))
_LARGEST_INTEGER = 2**53 - 1  # what a JSON number holds exactly


def plain(value: Any) -> Any:
    """`value` with dataclasses as dicts and tuples as lists: what JSON can hold.

    Raises:
        TypeError: for anything else that JSON has no form for.
    """
    if isinstance(value, _SCALARS):  # most values are: asked first, and by a tuple, which is the fastest way
        return value
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    raise TypeError(f"no canonical form for {type(value).__name__}")


def readable_json(value: Any, *, indent: int | None = None) -> str:
    """JSON for people and terminals: Hangul as itself; control, direction and unseen characters as escapes.

    Nothing in it moves a cursor or hides, and a parser gives the same value. One line unless `indent` is given.

    Raises:
        TypeError: for values that JSON has no form for.
        ValueError: for NaN and infinities.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def canonical_json(value: Any) -> bytes:
    """`value` as RFC 8785 bytes: one text for one value, whatever the key order.

    Raises:
        TypeError: for values that JSON has no form for.
        rfc8785.CanonicalizationError: for NaN, infinities and integers beyond 2**53.
    """
    made = plain(value)
    try:
        data = _PLAIN.encode(_as_written(made)).encode()
    except ValueError:  # NaN, a lone surrogate, a great integer
        return rfc8785.dumps(made)
    # Many times as fast as RFC 8785's code, which writes the same where there is nothing unlike.
    return rfc8785.dumps(made) if _is_unlike(data) else data


def _as_written(value: Any) -> Any:
    """A plain value with whole floats as the integers that RFC 8785 writes them as.

    Raises:
        ValueError: an integer that JSON does not hold exactly.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {k: _as_written(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_as_written(v) for v in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST_INTEGER:
        return int(value)
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        raise ValueError("an integer beyond what a JSON number holds")
    return value


def json_text(value: Any) -> str:
    """`value` as the indented, key-sorted JSON of files that people read too. NaN and infinities are refused."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"


def parse_canonical(data: bytes) -> Any:
    """The value that canonical bytes stand for. Whole numbers beyond 2**53 come back as floats.

    Raises:
        ValueError: not JSON, not in canonical form (a repeated key, a space, another order), or nested too deep.
    """
    try:
        value = json.loads(data.decode(), parse_int=_integer, parse_constant=_refuse_constant)
        # Ten times as fast as RFC 8785's code, which writes the same where there is nothing unlike.
        if not _is_unlike(data) and _PLAIN.encode(value).encode() == data:
            return value
        written = canonical_json(value)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if written != data:
        raise ValueError("not in canonical form: it was edited or converted")
    return value


def _is_unlike(data: bytes) -> bool:
    """Whether the standard library may have written `data`, and RFC 8785 may not."""
    if not data.startswith(b"{") or any(first in data for first in _BEYOND_BMP):
        return True
    return bool(_WHOLE.search(data) or _EXPONENT.search(data))


def _integer(text: str) -> int | float:
    if len(text) < 16:
        return int(text)
    if len(text) > 17 or abs(int(text)) > _LARGEST_INTEGER:
        return float(text)
    return int(text)


def _refuse_constant(text: str) -> float:
    raise ValueError(f"`{text}` is not a JSON number")


def digest_bytes(data: bytes) -> str:
    """`sha256:<hex>` of bytes."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def digest_value(value: Any) -> str:
    """Digest of a value's canonical JSON."""
    return digest_bytes(canonical_json(value))


def digest_file(path: Path) -> str:
    """Digest of a file's bytes, read in blocks."""
    with path.open("rb") as f:
        return PREFIX + hashlib.file_digest(f, "sha256").hexdigest()


def short(digest: str) -> str:
    """The first 12 hex digits, for people."""
    return digest.removeprefix(PREFIX)[:12]
