"""`forecast`: the memory that a model's tunings and answers need with their own rows and prompts, no weights loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from runner.files import write_json
from runner.memory.counted import counted_tune
from runner.memory.fit_answers import batches_for
from runner.memory.forecast import AnswerShape, Forecasts, TuneShape, read_answer, request_of
from runner.memory.grids import grid_of
from runner.memory.model import Forecast
from runner.models.facts import facts_of_folder
from runner.plan.names import FORECAST
from runner.samples.io import read_samples
from runner.samples.lengths import read_lengths
from runner.samples.sample import Completion, Sample
from runner.spec.model import LoraSpec
from runner.steps.context import StepRequest, StepResult, Surroundings
from runner.steps.paraphrase import OWN
from runner.steps.prompts import stage_samples

IMAGE_TOKENS = 2  # around those of an image itself


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `forecast.json`: {"answers": {number: figures}, "tunes": {id: figures}}, or {"error": …} beside none."""
    facts = facts_of_folder(request.inputs["model"], origin="folder")
    reader = around.open_reader(request.inputs["model"])
    answers: dict[str, AnswerShape] = {}
    for number, entry in enumerate(request.params["answers"]):
        samples = prompts_of(entry, read_samples(request.inputs[entry["inputs"]]))
        tokens = reader.longest_prompt(samples, request.root, should_stop=around.should_stop) + held(entry)
        answers[str(number)] = answer_shape(entry, samples, tokens, facts.preprocessor if facts.is_vision else {})
    tunes = {
        t["id"]: counted_tune(t["lora"], t["settings"], read_lengths(request.inputs[t["lengths"]]))
        for t in request.params["tunes"]
    }
    tunes = {name: shape for name, shape in tunes.items() if shape.rows}
    found = around.trace(request_of(facts.config, request.params["dtype"], tunes, answers))
    report: dict[str, Any] = {"answers": {}, "tunes": {}}
    if "error" in found:
        report["error"] = found["error"]
    else:
        report |= figures(read_answer(found), tunes, answers)
    write_json(request.out / FORECAST, report)
    return StepResult(report)


def prompts_of(entry: Mapping[str, Any], samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The samples as they are asked, what earlier stages will answer left out; once for each way to ask them."""
    asked: list[Sample] = []
    nothing = {stage: [Completion(s.id, "", 0, "stop", 0) for s in samples] for stage, _ in entry["upstream"]}
    for template in entry["prompts"]:
        own = [dataclasses.replace(s, fields={OWN: s.prompt} | s.fields) for s in samples]
        staged = stage_samples(own, template, nothing, images=entry["images"], references=dict(entry["references"]))
        asked += staged
    return tuple(asked)


def held(entry: Mapping[str, Any]) -> int:
    """The most tokens that earlier stages' answers in a prompt have."""
    return sum(int(tokens) for _, tokens in entry["upstream"])


def answer_shape(
    entry: Mapping[str, Any], samples: Sequence[Sample], text_tokens: int, preprocessor: Mapping[str, Any]
) -> AnswerShape:
    """The longest prompt with as many of the largest images as a sample has."""
    cut = [grid_of(i.width, i.height, preprocessor) for s in samples for i in s.images] if preprocessor else []
    largest = max(cut, key=lambda g: g[1] * g[2], default=None)
    grids = (largest,) * max((len(s.images) for s in samples), default=0) if largest else ()
    merge = int(preprocessor.get("merge_size", 2))
    tokens = text_tokens + sum(f * h * w // merge**2 + IMAGE_TOKENS for f, h, w in grids)
    most = int(entry["max_tokens"])
    rows = len(samples) // max(1, len(entry["prompts"]))
    batch = batches_for(tokens, most, rows=rows, asked=entry["batch_size"])[0]
    lora = entry["lora"]
    adapter = LoraSpec.of(lora) if lora else None
    images = len({i.digest for s in samples for i in s.images})
    return AnswerShape((batch,), tokens, most, grids, images or None, adapter, entry["pack"])


def figures(
    found: Forecasts, tunes: Mapping[str, TuneShape], answers: Mapping[str, AnswerShape]
) -> dict[str, dict[str, Any]]:
    """What was forecast, as plain data."""
    return {
        "answers": {
            name: {
                "tokens": answers[name].tokens,
                "max_tokens": answers[name].max_tokens,
                "batch": made[0].batch,
                **phases(made[0].forecasts),
            }
            for name, made in found.generations.items()
        },
        "tunes": {
            name: {"tokens": tunes[name].rows[0].tokens, **phases(made[0].forecasts)}
            for name, made in found.tunes.items()
        },
    }


def phases(forecasts: Sequence[Forecast]) -> dict[str, Any]:
    """Peaks by phase, and the greatest."""
    by_phase = {f.phase: f.peak_bytes for f in forecasts}
    return {"phases": by_phase, "peak_bytes": max(by_phase.values())}
