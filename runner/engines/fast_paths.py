"""What the rows decide of a tuning's fast paths: those that the plan left on (runner.plan.paths). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.engines.protocol import TuneRequest
from runner.engines.rows import MIN_PREFIX, Row, common_prefix, text_before
from runner.plan.paths import KEPT_IN_MEMORY_BYTES, KEPT_ON_DISK_BYTES

OFF = "off: not in the plan"


@dataclass(frozen=True)
class Choice:
    """A number to go by (0 is off), and what to say in `paths_taken`."""

    value: int
    said: str
    on_disk: bool = False  # it is kept in the project, not in memory alone


def shared_prefix(request: TuneRequest, rows: Sequence[Row], image_token: int | None = None) -> Choice:
    """How many leading tokens of all rows are computed once a micro-batch. No label and no image lies in them."""
    if not request.train_spec.share_prefix:
        return Choice(0, OFF)
    length = len(text_before(common_prefix([row.tokens[: row.first_label - 1] for row in rows]), image_token))
    if length < MIN_PREFIX:
        return Choice(0, f"off: rows share {length} tokens, fewer than {MIN_PREFIX}")
    return Choice(length, f"on: {length} tokens")


def frozen_layers(request: TuneRequest, rows: Sequence[Row], *, layers: int, width: int, item_bytes: int) -> Choice:
    """How many of the lowest blocks are computed once a row, because no adapter touches them."""
    if not request.train_spec.cache_frozen_layers:
        return Choice(0, OFF)
    lower = layers - (request.lora.num_layers or layers)
    needed = sum(row.length for row in rows) * width * item_bytes
    if needed > KEPT_ON_DISK_BYTES:
        return Choice(0, f"off: {needed / 1e9:.1f} GB would be kept, the limit is {KEPT_ON_DISK_BYTES / 1e9:.1f} GB")
    on_disk = needed > KEPT_IN_MEMORY_BYTES
    return Choice(lower, f"on: {lower} of {layers} layers" + ", on disk" * on_disk, on_disk)
