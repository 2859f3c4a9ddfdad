"""Rows and prompts that were counted, as shapes to forecast: the longest side by side. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.memory.forecast import RowShape, TuneShape
from runner.samples.lengths import RowLength
from runner.spec.model import LoraSpec, TrainSpec


def counted_tune(
    lora: Mapping[str, Any], settings: Mapping[str, Any], lengths: Mapping[str, Sequence[RowLength]]
) -> TuneShape:
    """A tuning with the longest of its own rows. `lora` and `settings` are a step's, with every choice made."""
    train, valid = lengths.get("train", ()), lengths.get("valid", ())
    spec = TrainSpec(**settings)
    micro_batch = int(spec.micro_batch or spec.batch_size)
    images = sum(len(row.grids) for row in (*train, *valid))
    return TuneShape(
        LoraSpec.of(lora),
        spec,
        _longest(train, spec, spec.batch_size),
        _longest(valid, spec, micro_batch),
        ((micro_batch, bool(spec.grad_checkpoint)),),
        images=images or None,
        whole=True,
    )


def _longest(rows: Sequence[RowLength], train: TrainSpec, count: int) -> tuple[RowShape, ...]:
    """The longest rows as the tuning sees them: prompts cut to `max_seq_length` where the spec says so."""
    seen = []
    for row in rows:
        total = min(row.total, train.max_seq_length)
        seen.append(RowShape(total, min(row.answer, total - 1) if train.mask_prompt else total - 1, row.grids))
    return tuple(sorted(seen, key=lambda r: (-r.tokens, -r.labels, r.grids))[:count])
