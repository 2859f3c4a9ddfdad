"""`tune`: train one LoRA adapter on the prepared rows, or on the real outputs of a chain's earlier stages."""

from __future__ import annotations

from collections.abc import Sequence

from runner.canonical import digest_value, plain
from runner.engines.protocol import TuneRequest
from runner.files import read_json, write_json
from runner.plan.names import ADAPTER, ADAPTER_CONFIG, HISTORY
from runner.samples.sample import Sample
from runner.spec.model import LoraSpec, TrainSpec
from runner.steps.context import StepRequest, StepResult, Surroundings
from runner.steps.liveness import AdapterToProve, prove
from runner.steps.rows import rows_of

CURVE_ROWS = 200  # the record keeps so many; `history.json` has every update


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write the adapter folder and `history.json` (one row an update)."""
    params = request.params
    lora = LoraSpec.of(params["lora"])
    train = TrainSpec(**params["train"])
    start = request.inputs.get("start_adapter")
    engine = around.open_engine(request.inputs["model"], params["family"], params["dtype"])
    assert train.micro_batch is not None
    assert train.grad_checkpoint is not None
    rows = _split(request, "train")
    result = engine.tune(
        TuneRequest(
            train=rows,
            valid=_split(request, "valid"),
            lora=lora,
            train_spec=train,
            seed=params["seed"],
            stream=params["stream"],
            root=request.root,
            checkpoint_folder=request.checkpoint,
            micro_batch=train.micro_batch,
            grad_checkpoint=train.grad_checkpoint,
            start_adapter=start.parent if start else None,
        ),
        request.out,
        on_event=around.on_event,
        should_stop=around.should_stop,
        should_shrink=around.should_shrink,
    )
    subject = AdapterToProve("", request.inputs["model"], request.out, result.adapter_digest, result.trained)
    liveness = prove(subject, params["family"], params["dtype"], rows, request.root, around)
    write_json(request.out / HISTORY, plain(result.history))
    measures = {k: v for k, v in plain(result).items() if k not in ("history", "adapter_digest", "trained")}
    measures["history"] = curve(result.history)
    # The same tensors under another scale are another adapter.
    content = digest_value([result.adapter_digest, read_json(request.out / ADAPTER_CONFIG)])
    measures |= {"adapter_digest": result.adapter_digest, "scale": lora.scale, "liveness": liveness}
    return StepResult(measures, {ADAPTER: content, HISTORY: digest_value([untimed(r) for r in result.history])})


def curve(history: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """The updates that a report draws: at most `CURVE_ROWS`, evenly spread, the first and the last among them."""
    last = len(history) - 1
    places = range(last + 1) if last < CURVE_ROWS else {round(i * last / (CURVE_ROWS - 1)) for i in range(CURVE_ROWS)}
    return [plain(history[i]) for i in sorted(places)]


def untimed(row: dict[str, float]) -> dict[str, float]:
    """What is the same in every run of the same key."""
    return {k: v for k, v in row.items() if "second" not in k}


def _split(request: StepRequest, split: str) -> tuple[Sample, ...]:
    return rows_of(split, request.inputs, prompt=request.params["prompt"], images=request.params["images"])
