"""Evidence: the rows that a verdict rests on, as canonical lines in a deterministic gzip file.

One row is one sample, one completion or one score; or, in a file of its own because no two runs see the same, the
memory of one step. The digest is of the text before compression, so that another zlib changes nothing.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.canonical import canonical_json, digest_bytes, parse_canonical, plain
from runner.errors import IntegrityError
from runner.metrics.model import Scores
from runner.samples.sample import Completion, Sample

Row = dict[str, Any]

MAX_FILE_BYTES = 512 * 2**20  # compressed
MAX_TEXT_BYTES = 2 * 2**30
MAX_LINE_BYTES = 16 * 2**20
MAX_ROWS = 5_000_000

_NUMBER = (int, float)
# What each kind of row holds: field → types. A field in `_OPTIONAL` may be absent.
FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "sample": {
        "evaluation": (str,),
        "sample": (str,),
        "prompt": (str,),
        "system": (str,),
        "reference": (str,),
        "facts": (list,),
        "cluster": (str,),
        "images": (list,),
        "source": (str,),
    },
    "completion": {
        "evaluation": (str,),
        "arm": (str,),
        "sample": (str,),
        "run": (int,),
        "of": (str,),
        "text": (str,),
        "tokens": (int,),
        "finish_reason": (str,),
        "prompt_tokens": (int,),
        "prompt": (str,),
    },
    "score": {
        "evaluation": (str,),
        "arm": (str,),
        "metric": (str,),
        "signature": (str,),
        "sample": (str,),
        "value": _NUMBER,
        "statistics": (list,),
    },
    "memory": {
        "step": (str,),
        "points": (list,),  # [seconds since the step began, bytes], each the highest of its span
        "mark_bytes": (int, type(None)),  # the kernel's high-water mark where it is above every point
        "samples": (int,),
        "gaps": (int,),
        "pauses": (list, type(None)),  # [seconds, length in seconds, 1 where it may have hidden a peak]; null: not kept
        "interval_seconds": _NUMBER,
        "limit_bytes": (int, type(None)),
        "mlx_peak_bytes": (int, type(None)),
        "forecast_bytes": (int, type(None)),
        "rows_forecast_bytes": (int, type(None)),
    },
}
ANSWERS = frozenset({"sample", "completion", "score"})  # what `Record.evidence` holds
OBSERVED = frozenset({"memory"})  # what `Record.observed` holds
_OPTIONAL = {"prompt": "completion", "rows_forecast_bytes": "memory"}
_ORDER = ("kind", "evaluation", "arm", "sample", "metric", "of", "step")


@dataclass(frozen=True)
class Evidence:
    """Rows in canonical order, their text, and its digest (`sha256:<hex>`, what a record names)."""

    rows: tuple[Row, ...]
    text: bytes
    digest: str


def sample_row(evaluation: str, sample: Sample, thumbnails: Mapping[str, str] | None = None) -> Row:
    """The row of a sample; `thumbnails` maps an image's digest to a `data:` URL."""
    shown = thumbnails or {}
    return {
        "kind": "sample",
        "evaluation": evaluation,
        "sample": sample.id,
        "prompt": sample.prompt,
        "system": sample.system,
        "reference": sample.reference,
        "facts": plain(sample.facts),
        "cluster": sample.cluster,
        "images": [{"path": i.path, "digest": i.digest, "thumbnail": shown.get(i.digest)} for i in sample.images],
        "source": sample.source,
    }


def completion_row(evaluation: str, arm: str, completion: Completion, *, prompt: str | None = None) -> Row:
    """The row of a completion; `prompt` is given where it is not the sample's own."""
    row: Row = {
        "kind": "completion",
        "evaluation": evaluation,
        "arm": arm,
        "sample": completion.sample_id,
        "run": completion.run,
        "of": completion.kind,
        "text": completion.text,
        "tokens": completion.tokens,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
    }
    if prompt is not None:
        row["prompt"] = prompt
    return row


def score_rows(evaluation: str, arm: str, scores: Scores) -> list[Row]:
    """One row for each sample's score."""
    statistics: Sequence[Sequence[float]] = scores.statistics or [()] * len(scores.values)
    return [
        {
            "kind": "score",
            "evaluation": evaluation,
            "arm": arm,
            "metric": scores.metric,
            "signature": scores.signature,
            "sample": sample,
            "value": value,
            "statistics": list(row),
        }
        for sample, value, row in zip(scores.sample_ids, scores.values, statistics, strict=True)
    ]


def without_texts(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The rows with digests in place of what people and models wrote (`evidence: digests`).

    Facts and thumbnails are left out. A digest does not hide a text that can be guessed.
    """
    return [{name: _SECRET[name](value) if name in _SECRET else value for name, value in row.items()} for row in rows]


_SECRET: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("prompt", "system", "reference", "text"), lambda text: digest_bytes(str(text).encode())),
    "facts": lambda _: [],
    "images": lambda images: [{**image, "thumbnail": None} for image in images],
}


def collect(rows: Iterable[Mapping[str, Any]], kinds: frozenset[str] = ANSWERS) -> Evidence:
    """Evidence of rows in any order, all of these kinds.

    Raises:
        ValueError: a row has an unknown shape, or two rows say the same thing twice.
    """
    checked = sorted((_checked(plain(row), kinds) for row in rows), key=_place)
    for one, two in itertools.pairwise(checked):
        if _place(one) == _place(two):
            raise ValueError(f"two evidence rows for {_place(one)}")
    text = b"".join(canonical_json(row) + b"\n" for row in checked)
    return Evidence(tuple(checked), text, digest_bytes(text))


def compress(text: bytes) -> bytes:
    """`text` as a gzip file without time, name or system in its header: equal texts give equal files."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflate.compress(text) + deflate.flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + body + struct.pack("<II", zlib.crc32(text), len(text) & 0xFFFFFFFF)


def decode(
    data: bytes, digest: str, *, kinds: frozenset[str] = ANSWERS, max_bytes: int = MAX_TEXT_BYTES
) -> tuple[Row, ...]:
    """The rows in a gzip file, verified against `digest`.

    Raises:
        IntegrityError: not gzip, larger than `max_bytes` when unpacked, not canonical rows of these kinds, or another
            digest.
    """
    text = verified(data, digest, max_bytes=max_bytes)
    rows = []
    for number, line in enumerate(_lines(text), 1):
        try:
            rows.append(_checked(parse_canonical(line), kinds))
        except ValueError as error:
            raise IntegrityError(f"evidence row {number}: {error}") from error
    places = [_place(row) for row in rows]
    if any(one >= two for one, two in itertools.pairwise(places)):
        raise IntegrityError("evidence rows are not in order, or one is there twice")
    return tuple(rows)


def verified(data: bytes, digest: str, *, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """The text in a gzip file, compared with `digest`; the rows are not looked at.

    Raises:
        IntegrityError: as `decode`, but for the rows.
    """
    text = _unpack(data, max_bytes)
    if digest_bytes(text) != digest:
        raise IntegrityError(f"evidence does not have the digest {digest}", help="it was changed after it was recorded")
    return text


def _unpack(data: bytes, max_bytes: int) -> bytes:
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = inflate.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise IntegrityError(f"evidence is not a gzip file: {error}") from error
    if len(text) > max_bytes:
        raise IntegrityError(f"evidence is larger than {max_bytes:,} bytes when unpacked")
    if not inflate.eof:
        raise IntegrityError("evidence is cut off")
    if inflate.unused_data:
        raise IntegrityError("evidence has bytes after its end")
    return text


def _lines(text: bytes) -> Iterator[bytes]:
    start = 0
    for number in range(MAX_ROWS + 1):
        if start == len(text):
            return
        end = text.find(b"\n", start, start + MAX_LINE_BYTES)
        if end < 0:
            raise IntegrityError(f"evidence row {number + 1} is longer than {MAX_LINE_BYTES:,} bytes or cut off")
        yield text[start:end]
        start = end + 1
    raise IntegrityError(f"evidence has more than {MAX_ROWS:,} rows")


def _checked(row: Any, kinds: frozenset[str]) -> Row:
    kind = row.get("kind") if isinstance(row, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"not a {' or '.join(sorted(kinds))} row")
    fields = FIELDS[kind]
    for name in row:
        if name != "kind" and name not in fields:
            raise ValueError(f"a {row['kind']} row has no field {str(name)[:60]!r}")
    for name, types in fields.items():
        if name not in row:
            if _OPTIONAL.get(name) == row["kind"]:
                continue
            raise ValueError(f"a {row['kind']} row needs `{name}`")
        if not isinstance(row[name], types) or isinstance(row[name], bool):
            raise ValueError(f"`{name}` of a {row['kind']} row is {type(row[name]).__name__}")
    return dict(row)


def _place(row: Row) -> tuple[str, str, str, str, str, str, str, int]:
    kind, evaluation, arm, sample, metric, of, step = (str(row.get(name, "")) for name in _ORDER)
    return kind, evaluation, arm, sample, metric, of, step, int(row.get("run", 0))
