"""Canonical JSON (RFC 8785) and digests of values, texts and files.

A digest is written `sha256:<64 hex>`. Tensors are digested by the engines, by content, because equal tensors may
lie in safetensors files with different bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import rfc8785

PREFIX = "sha256:"


def plain(value: Any) -> Any:
    """`value` with dataclasses as dicts and tuples as lists: what JSON can hold.

    Raises:
        TypeError: for anything else that JSON has no form for.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"no canonical form for {type(value).__name__}")


def canonical_json(value: Any) -> bytes:
    """`value` as RFC 8785 bytes: one text for one value, whatever the key order.

    Raises:
        TypeError: for values that JSON has no form for.
        rfc8785.CanonicalizationError: for NaN, infinities and integers beyond 2**53.
    """
    return rfc8785.dumps(plain(value))


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
