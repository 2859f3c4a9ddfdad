"""One tuning in miniature: two updates on its longest rows, whole and resumed, its fast paths, its adapter."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.canonical import plain
from runner.engines.protocol import Engine, Event, Reader, TuneRequest, TuneResult
from runner.errors import InterruptedRunError, StepError
from runner.samples.lengths import RowLength, read_lengths
from runner.samples.sample import Sample
from runner.spec.model import LoraSpec, TrainSpec
from runner.steps.context import StepRequest, Surroundings
from runner.steps.liveness import AdapterToProve, look, prove

UPDATES = 2
# So large that two updates show in the logits of a model that computes in 16 bits: what is tried is not what is learnt.
LEARNING_RATE = 1e-2


@dataclass
class _Once:
    """Asks a tuning to stop after its first update, and passes on what others ask."""

    around: Surroundings
    seen: bool = False

    def on_event(self, event: Event) -> None:
        self.seen = self.seen or event["event"] == "update"

    def should_stop(self) -> bool:
        return self.seen or self.around.should_stop()


def try_tuning(
    request: StepRequest,
    around: Surroundings,
    engine: Engine,
    reader: Reader,
    entry: dict[str, Any],
    samples: Sequence[Sample],
    folder: Path,
    *,
    first: bool,
) -> dict[str, Any]:
    """What was seen of one tuning; of a model's `first`, the package's own loader is asked as well.

    Raises:
        StepError: it resumes to another adapter, or its adapter is not alive.
        InterruptedRunError: somebody asked to stop.
    """
    asked = _asked(request, entry, longest_rows(request, entry, samples), folder)
    apart = replace(asked, checkpoint_folder=folder / "whole.checkpoint")
    whole = engine.tune(apart, folder / "whole", on_event=lambda _: None, should_stop=around.should_stop)
    resumed = _interrupted(asked, around, engine, folder)
    if resumed.adapter_digest != whole.adapter_digest:
        raise StepError(
            f"{entry['id']} comes to another adapter when it is stopped after update 1 and resumed",
            help="a run that is interrupted here could not be trusted: report this with `lorarun doctor`",
        )
    paths = _compared(asked, engine)
    counted = reader.lengths(asked.train, request.root, on_event=lambda _: None, should_stop=around.should_stop)
    model = request.inputs["model"]
    subject = AdapterToProve(entry["id"], model, folder / "whole", whole.adapter_digest, whole.trained)
    liveness = look(subject, engine, samples, request.root)
    if first:  # the package's own loader is asked once a model: it costs a process
        liveness |= prove(subject, request.params["family"], request.params["dtype"], samples, request.root, around)
    shutil.rmtree(folder)
    measured = {"paths": paths, "liveness": liveness, "resumed_from_update": resumed.resumed_from_update}
    return {"stands_for": entry["stands_for"], **_figures(asked, whole, counted), **measured}


def _figures(asked: TuneRequest, whole: TuneResult, counted: Sequence[RowLength]) -> dict[str, Any]:
    """Size and speed of an update of the longest rows. Tokens are those of whole rows; the faster update counts."""
    tokens, fastest = sum(row.total for row in counted), min(row["seconds"] for row in whole.history)
    return {
        "adapter_digest": whole.adapter_digest,
        "rows": len(asked.train),
        "micro_batch": asked.micro_batch,
        "longest_row_tokens": max(row.total for row in counted),
        "shapes": [[row.total, row.answer, [list(g) for g in row.grids]] for row in counted],
        "shared_tokens": _shared(whole.paths_taken.get("share_prefix", "")),
        "tokens_per_update": tokens,
        "seconds_per_update": fastest,
        "tokens_per_second": tokens / max(fastest, 1e-9),
        "peak_memory_bytes": whole.peak_memory_bytes,
    }


def _shared(said: str) -> int:
    """The leading tokens that a tuning says all its rows shared: `on: 37 tokens`."""
    words = said.split()
    return int(words[1]) if words[:1] == ["on:"] and words[1:2] and words[1].isdigit() else 0


def longest_rows(request: StepRequest, entry: dict[str, Any], samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """A batch of the rows with the most tokens (the most characters where those were not counted), repeated to fill."""
    lengths: dict[str, int] = {}
    if entry["lengths"]:
        counted = read_lengths(request.inputs[entry["lengths"]])
        lengths = {row.id: row.total for row in counted["train"]}
    size = entry["settings"]["batch_size"]
    ordered = sorted(samples, key=lambda s: (-lengths.get(s.id, 0), -len(s.prompt) - len(s.reference), s.id))[:size]
    filled = [
        row if turn == 0 else replace(row, id=f"{row.id}#{turn}")
        for turn in range(-(-size // max(1, len(ordered))))
        for row in ordered
    ]
    return tuple(filled[:size])


def _asked(request: StepRequest, entry: dict[str, Any], rows: tuple[Sample, ...], folder: Path) -> TuneRequest:
    lora = LoraSpec.of(entry["lora"])
    train = TrainSpec(**entry["settings"], learning_rate=LEARNING_RATE, epochs=float(UPDATES), max_updates=UPDATES)
    assert train.micro_batch is not None
    assert train.grad_checkpoint is not None
    return TuneRequest(
        train=rows,
        valid=(),
        lora=lora,
        train_spec=train,
        seed=request.params["seed"],
        stream=entry["stream"],
        root=request.root,
        checkpoint_folder=folder / "checkpoint",
        micro_batch=train.micro_batch,
        grad_checkpoint=train.grad_checkpoint,
    )


def _interrupted(asked: TuneRequest, around: Surroundings, engine: Engine, folder: Path) -> TuneResult:
    """The same tuning, stopped after its first update and gone on with from its checkpoint."""
    once = _Once(around)
    try:
        engine.tune(asked, folder / "resumed", on_event=once.on_event, should_stop=once.should_stop)
    except InterruptedRunError:
        if around.should_stop():
            raise
    if around.should_stop():
        raise InterruptedRunError("stopped while rehearsing", signal=signal.SIGTERM)
    return engine.tune(asked, folder / "resumed", on_event=lambda _: None, should_stop=around.should_stop)


def _compared(asked: TuneRequest, engine: Engine) -> list[dict[str, Any]]:
    """Each fast path beside the computation without it, on so few rows that the plain one's memory is no danger."""
    size = asked.micro_batch // 2
    rows = asked.train[:size]
    if size == 0 or asked.grad_checkpoint:  # both are compared without checkpointing
        size, rows = 1, (min(asked.train, key=lambda s: len(s.prompt) + len(s.reference)),)
    return [plain(found) for found in engine.compare(replace(asked, train=rows, micro_batch=size))]
