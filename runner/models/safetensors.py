"""The header of a safetensors file, read strictly and without its tensors.

The format: 8 bytes of header length (little endian), that much JSON, then the tensors' bytes without holes
(https://github.com/huggingface/safetensors). MLX takes trailing bytes silently; here every byte must be accounted for.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import InvalidError

MAX_HEADER_BYTES = 100_000_000  # the reference implementation's own bound
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8", "BOOL"), 8),
}


@dataclass(frozen=True)
class Tensor:
    """One tensor as its file describes it. `begin` and `end` count bytes from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: Path) -> tuple[Tensor, ...]:
    """The tensors of a file, in the order of their bytes.

    Raises:
        InvalidError: the header is broken, or says something that the file's size contradicts.
    """
    try:
        with path.open("rb") as f:
            size = os.fstat(f.fileno()).st_size
            length = int.from_bytes(f.read(8), "little") if size >= 8 else -1
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                raise InvalidError(f"`{path}`: the header's length is impossible for a file of {size:,} bytes")
            text = f.read(length)
    except OSError as error:
        raise InvalidError(f"`{path}`: {(error.strerror or 'cannot be read').lower()}") from error
    tensors = sorted((_tensor(path, n, v) for n, v in _items(path, text)), key=lambda t: (t.begin, t.end))
    position = 0
    for tensor in tensors:
        if tensor.begin != position:
            raise InvalidError(f"`{path}`: tensor `{tensor.name}` leaves a hole or overlaps another")
        position = tensor.end
    if position != size - 8 - length:
        raise InvalidError(
            f"`{path}`: its tensors take {position:,} bytes, the file has {size - 8 - length:,} for them"
        )
    return tuple(tensors)


def _items(path: Path, text: bytes) -> list[tuple[str, Any]]:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in found}) != len(found):
            raise ValueError("a name is given twice")
        return dict(found)

    try:
        header = json.loads(text.decode(), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"`{path}`: the header is not JSON that can be trusted: {error}") from error
    if not isinstance(header, dict):
        raise InvalidError(f"`{path}`: the header is not an object")
    return [(name, value) for name, value in header.items() if name != "__metadata__"]


def _tensor(path: Path, name: str, value: Any) -> Tensor:
    match value:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]} if (
            dtype in BITS and all(type(n) is int and n >= 0 for n in shape) and 0 <= begin <= end
        ):
            # Shapes multiply to numbers of any size in Python, so a crafted one cannot wrap around.
            if math.prod(shape) * BITS[dtype] == (end - begin) * 8:
                return Tensor(name=name, dtype=dtype, shape=tuple(shape), begin=begin, end=end)
    raise InvalidError(f"`{path}`: tensor `{name[:200]}` has a dtype, shape or place that cannot be")
