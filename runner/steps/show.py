"""`show`: rows as a model reads them, by its tokenizer and processor alone. No step of a plan."""

from __future__ import annotations

from runner.canonical import plain
from runner.files import write_json
from runner.samples.io import read_samples
from runner.samples.shown import FILE
from runner.steps.context import StepRequest, StepResult, Surroundings


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `shown.json` and the pictures after preprocessing."""
    reader = around.open_reader(request.inputs["model"])
    samples = read_samples(request.inputs["samples"])
    rows = reader.show(samples, request.root, request.out, mask_prompt=request.params["mask_prompt"])
    write_json(request.out / FILE, [plain(row) for row in rows])
    return StepResult({"rows": len(rows)})
