"""`generate`: answer every sample of a split with a base model or an adapter, or a few of them once more."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from runner.engines.protocol import Engine, GenerateRequest, GenerateResult
from runner.files import write_json
from runner.plan.names import COMPLETIONS, INPUTS, UPSTREAM
from runner.samples.io import read_completions, read_samples, write_completions, write_samples
from runner.samples.sample import Completion, Sample
from runner.spec.model import GenerateSpec
from runner.steps.context import StepRequest, StepResult, Surroundings
from runner.steps.paraphrase import chosen, reworded
from runner.steps.prompts import stage_samples

PARAPHRASED, PROMPTS = "paraphrased", "paraphrased.json"


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `completions.jsonl` and, where the prompts are the stage's own, `inputs.jsonl` with them as asked.

    Paraphrased prompts are written to `paraphrased.json`: run → sample id → prompt.
    """
    params = request.params
    upstream = _upstream(request)
    samples = _samples(request, upstream)
    engine = around.open_engine(request.inputs["model"], params["family"], params["dtype"])
    if params["repeat"] == "prompt_consistency":
        result = _paraphrased(engine, request, around, samples, upstream)
    else:
        result = _answered(engine, around, _asked(request, samples))
    write_completions(request.out / COMPLETIONS, result.completions)
    if params["prompt"]:
        write_samples(request.out / INPUTS, samples)
    return StepResult(
        {
            "completions": len(result.completions),
            "tokens": sum(c.tokens for c in result.completions),
            "seconds": result.seconds,
            "peak_memory_bytes": result.peak_memory_bytes,
            "paths_taken": result.paths_taken,
        }
    )


def _asked(request: StepRequest, samples: tuple[Sample, ...]) -> GenerateRequest:
    params = request.params
    adapter: Path | None = request.inputs.get("adapter")
    return GenerateRequest(
        samples=samples,
        adapter=adapter.parent if adapter else None,
        settings=GenerateSpec(**params["settings"]),
        seed=params["seed"],
        stream=params["stream"],
        root=request.root,
        main=params["repeat"] in ("", "prompt_consistency"),
        consistency=params["repeat"] == "consistency",
        determinism=params["repeat"] == "determinism",
    )


def _answered(engine: Engine, around: Surroundings, asked: GenerateRequest) -> GenerateResult:
    return engine.generate(
        asked, on_event=around.on_event, should_stop=around.should_stop, should_shrink=around.should_shrink
    )


def _paraphrased(
    engine: Engine,
    request: StepRequest,
    around: Surroundings,
    samples: Sequence[Sample],
    upstream: dict[str, Sequence[Completion]],
) -> GenerateResult:
    """Greedy answers of a seeded subset to each paraphrase; run 1 is the first of them."""
    params = request.params
    few = chosen(samples, params["settings"]["consistency_samples"], seed=params["seed"], stream=params["stream"])
    texts = {stage: {c.sample_id: c.text for c in answered} for stage, answered in upstream.items()}
    made: list[Completion] = []
    prompts: dict[str, dict[str, str]] = {}
    results = []
    for run, template in enumerate(params["paraphrases"], 1):
        asked = tuple(reworded(s, template, {stage: text[s.id] for stage, text in texts.items()}) for s in few)
        prompts[str(run)] = {s.id: s.prompt for s in asked}
        result = _answered(engine, around, _asked(request, asked))
        made += [dataclasses.replace(c, run=run, kind=PARAPHRASED) for c in result.completions]
        results.append(result)
    write_json(request.out / PROMPTS, prompts)
    peak = max(r.peak_memory_bytes for r in results)
    return GenerateResult(tuple(made), peak, sum(r.seconds for r in results), results[-1].paths_taken)


def _upstream(request: StepRequest) -> dict[str, Sequence[Completion]]:
    return {
        role.removeprefix(UPSTREAM): read_completions(path)
        for role, path in request.inputs.items()
        if role.startswith(UPSTREAM)
    }


def _samples(request: StepRequest, upstream: dict[str, Sequence[Completion]]) -> tuple[Sample, ...]:
    params = request.params
    return stage_samples(
        read_samples(request.inputs["inputs"]),
        params["prompt"],
        upstream,
        images=params["images"],
        references=params["references"],
    )
