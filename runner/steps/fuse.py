"""`fuse`: an adapter folded into its base model, as a checkpoint folder. No step of a plan; asked for by an export."""

from __future__ import annotations

from runner.canonical import plain
from runner.engines.protocol import FuseRequest
from runner.samples.io import read_samples
from runner.steps.context import StepRequest, StepResult, Surroundings


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write the checkpoint into `request.out`; the measures say how near it is to base and adapter."""
    # As stored: a quantized model has to be fused as what it is.
    engine = around.open_engine(request.inputs["model"], request.params["family"], "stored")
    asked = FuseRequest(
        samples=read_samples(request.inputs["samples"]),
        checkpoint=request.inputs["model"],
        adapter=request.inputs["adapter"].parent,
        root=request.root,
        dequantize=request.params["dequantize"],
    )
    return StepResult(plain(engine.fuse(asked, request.out)))
