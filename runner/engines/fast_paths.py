"""Which fast paths a tuning takes, and why the others are off. Pure: decided from the request and the rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.engines.protocol import TuneRequest
from runner.engines.rows import MIN_PREFIX, Row, common_prefix

FROZEN_LIMIT_BYTES = 10**9


@dataclass(frozen=True)
class Choice:
    """A number to go by (0 is off), and what to say in `paths_taken`."""

    value: int
    said: str


def shared_prefix(request: TuneRequest, rows: Sequence[Row], image_token: int | None = None) -> Choice:
    """How many leading tokens of all rows are computed once a micro-batch.

    By itself only where it is exact: with dropout, rows that share a prefix share its mask, which is another random
    run. No label and no image lies in the prefix.
    """
    asked = request.train_spec.share_prefix
    if asked is False:
        return Choice(0, "off: `share_prefix: false`")
    if asked is None and request.lora.dropout > 0:
        return Choice(0, "off: dropout reaches the prefix")
    if request.micro_batch == 1:
        return Choice(0, "off: a micro-batch is one row")
    common = common_prefix([row.tokens[: row.first_label - 1] for row in rows])
    length = common.index(image_token) if image_token is not None and image_token in common else len(common)
    if length < MIN_PREFIX:
        return Choice(0, f"off: rows share {length} tokens, fewer than {MIN_PREFIX}")
    return Choice(length, f"on: {length} tokens")


def frozen_layers(request: TuneRequest, rows: Sequence[Row], *, layers: int, width: int, item_bytes: int) -> Choice:
    """How many of the lowest blocks are computed once a row, because no adapter touches them."""
    asked, spec = request.train_spec.cache_frozen_layers, request.train_spec
    lower = layers - (request.lora.num_layers or layers)
    if asked is False:
        return Choice(0, "off: `cache_frozen_layers: false`")
    if lower == 0 or request.lora.vision:
        return Choice(0, "off: adapters reach the first layer")
    if asked is None and spec.epochs <= 1:
        return Choice(0, "off: every row is seen once")
    needed = sum(row.length for row in rows) * width * item_bytes
    if needed > FROZEN_LIMIT_BYTES:
        return Choice(0, f"off: {needed / 1e9:.1f} GB would be kept, the limit is {FROZEN_LIMIT_BYTES / 1e9:.1f} GB")
    return Choice(lower, f"on: {lower} of {layers} layers")
