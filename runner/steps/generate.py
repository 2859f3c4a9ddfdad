"""`generate`: answer every sample of a split with a base model or an adapter."""

from __future__ import annotations

from runner.engines.protocol import GenerateRequest
from runner.samples.io import read_completions, read_samples, write_completions, write_samples
from runner.samples.sample import Sample
from runner.spec.model import GenerateSpec
from runner.steps.context import StepRequest, StepResult, Surroundings
from runner.steps.prompts import stage_samples

UPSTREAM = "upstream."


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `completions.jsonl` and, where the prompts are the stage's own, `inputs.jsonl` with them as asked."""
    params = request.params
    samples = _samples(request)
    engine = around.open_engine(request.inputs["model"], params["family"], params["dtype"])
    adapter = request.inputs.get("adapter")
    result = engine.generate(
        GenerateRequest(
            samples=samples,
            adapter=adapter.parent if adapter else None,
            settings=GenerateSpec(**params["settings"]),
            seed=params["seed"],
            stream=params["stream"],
            root=request.root,
            consistency=params["consistency"],
            determinism=params["determinism"],
        ),
        on_event=around.on_event,
        should_stop=around.should_stop,
        should_shrink=around.should_shrink,
    )
    write_completions(request.out / "completions.jsonl", result.completions)
    if params["prompt"]:
        write_samples(request.out / "inputs.jsonl", samples)
    return StepResult(
        {
            "completions": len(result.completions),
            "tokens": sum(c.tokens for c in result.completions),
            "seconds": result.seconds,
            "peak_memory_bytes": result.peak_memory_bytes,
            "paths_taken": result.paths_taken,
        }
    )


def _samples(request: StepRequest) -> tuple[Sample, ...]:
    upstream = {
        role.removeprefix(UPSTREAM): read_completions(path)
        for role, path in request.inputs.items()
        if role.startswith(UPSTREAM)
    }
    params = request.params
    return stage_samples(
        read_samples(request.inputs["inputs"]),
        params["prompt"],
        upstream,
        images=params["images"],
        references=params["references"],
    )
