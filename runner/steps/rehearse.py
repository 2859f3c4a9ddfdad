"""`rehearse`: try a model on what its hours will bring: the longest rows, every prompt, resuming, the adapter itself.

What fails here would fail later. What is measured here (speed, memory, whether the fast paths agree) is what the plan
and the lock go by. Nothing that is made here is used by a real step.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.canonical import digest_value, plain
from runner.engines.protocol import AnswerComparison, Engine, GenerateRequest, GenerateResult, Reader
from runner.errors import Diagnostic, InvalidError
from runner.files import write_json
from runner.plan.names import REHEARSAL, tune_id
from runner.samples.io import read_completions, read_samples, write_completions
from runner.samples.sample import Completion, Sample
from runner.spec.model import GenerateSpec
from runner.steps.context import StepRequest, StepResult, Surroundings
from runner.steps.prompts import stage_samples
from runner.steps.rehearse_prompts import Prompts, longest_prompts
from runner.steps.rehearse_tune import try_tuning

COMPARED_TOKENS = 16  # of an answer in a batch beside the same answer alone


@dataclass
class Rehearsal:
    """One model's rehearsal as it goes on."""

    request: StepRequest
    around: Surroundings
    engine: Engine
    reader: Reader
    done: int = 0
    answers: dict[str, tuple[Completion, ...]] = field(default_factory=dict)  # file → what was answered
    generated: list[GenerateResult] = field(default_factory=list)
    compared: list[AnswerComparison] = field(default_factory=list)
    prompts: dict[str, Any] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where adapters are made that nobody keeps."""
        return self.request.checkpoint / "rehearsal"

    def said(self, what: str) -> None:
        """Tell how far it is."""
        params = self.request.params
        self.done += 1
        total = len(params["tunes"]) + len(params["answers"])
        self.around.on_event({"event": "rehearsed", "done": self.done, "total": total, "what": what})


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `rehearsal.json` and, an entry, `answers.<n>.jsonl`, which the rehearsals of later stages' models read.

    Raises:
        InvalidError: prompts that do not fit, by name.
        StepError: resuming comes to another adapter, or an adapter is not alive.
    """
    params = request.params
    began = time.perf_counter()
    engine = around.open_engine(request.inputs["model"], params["family"], params["dtype"])
    going = Rehearsal(request, around, engine, around.open_reader(request.inputs["model"]))
    loaded = time.perf_counter() - began
    shutil.rmtree(going.folder, ignore_errors=True)
    for number, entry in enumerate(params["answers"]):
        answer(going, number, entry)
    if going.findings:
        raise InvalidError.of(going.findings)
    tunes: dict[str, Any] = {}
    for entry in params["tunes"]:
        rows = tuning_rows(going, entry)
        # The engine is asked for anew: a proof frees the base model.
        engine = around.open_engine(request.inputs["model"], params["family"], params["dtype"])
        tunes[entry["id"]] = try_tuning(
            request, around, engine, going.reader, entry, rows, going.folder, first=not tunes
        )
        going.said(entry["id"])
    shutil.rmtree(going.folder, ignore_errors=True)
    report = report_of(going, tunes, loaded)
    write_json(request.out / REHEARSAL, report)
    return StepResult(report, {REHEARSAL: digest_value(lasting(report))})


def answer(going: Rehearsal, number: int, entry: dict[str, Any]) -> None:
    """Answer the longest prompts of an entry with the base model, in a batch and alone."""
    request = going.request
    samples = staged(going, entry, read_samples(request.inputs[entry["inputs"]]))
    context = going.engine.context_tokens
    room = None if context is None else context - entry["max_tokens"]
    found = longest_prompts(samples, room, going.reader, request.root, going.around)
    going.findings += unfitting(entry, found, context)
    settings = GenerateSpec(**{name: entry[name] for name in ("max_tokens", "batch_size", "share_prefix", "pack")})
    short = replace(settings, max_tokens=min(COMPARED_TOKENS, settings.max_tokens))
    asked = GenerateRequest(found.samples, None, settings, request.params["seed"], "rehearse", request.root)
    result = going.engine.generate(asked, on_event=lambda _: None, should_stop=going.around.should_stop)
    compared = going.engine.compare_answers(replace(asked, settings=short))
    going.compared += compared
    name = f"answers.{number}.jsonl"
    write_completions(request.out / name, result.completions)
    going.answers[name] = result.completions
    going.generated.append(result)
    going.prompts[f"{number}.{entry['name']}"] = {
        "longest_tokens": found.longest_tokens,
        "counted": found.counted,
        "answered": len(found.samples),
        "different": {c.path: list(c.different) for c in compared},
        "cut_off": sum(c.finish_reason == "length" for c in result.completions),
    }
    going.said(entry["name"])


def staged(going: Rehearsal, entry: dict[str, Any], samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The samples as the stage sees them: those that every earlier stage answered in its own rehearsal.

    Where an earlier stage could not be rehearsed before (models that feed each other), the sample's own prompt stands
    in for its answer.
    """
    upstream: dict[str, tuple[Completion, ...]] = {}
    for stage, place in entry["upstream"].items():
        if place in going.answers:
            upstream[stage] = going.answers[place]
        elif place:
            upstream[stage] = read_completions(going.request.inputs[place])
        else:
            upstream[stage] = tuple(Completion(s.id, s.prompt, 0, "stop", 0) for s in samples)
    answered = [{c.sample_id for c in completions if c.kind == "main"} for completions in upstream.values()]
    kept = tuple(s for s in samples if all(s.id in ids for ids in answered))
    return stage_samples(kept, entry["prompt"], upstream, images=entry["images"])


def tuning_rows(going: Rehearsal, entry: dict[str, Any]) -> tuple[Sample, ...]:
    """The rows that a tuning may see, with the prompts that it sees."""
    return staged(going, entry, read_samples(going.request.inputs[entry["train"]]))


def unfitting(entry: dict[str, Any], found: Prompts, context: int | None) -> list[Diagnostic]:
    """Prompts that leave no room for their answers in the model's context."""
    if context is None:
        return []
    return [
        Diagnostic(
            "E514",
            f"{entry['name']}: the prompt of `{sample}` has {tokens} tokens, and with {entry['max_tokens']} for its "
            f"answer the model's context of {context} is full",
            help="shorten the prompt or its images, or lower `generate.max_tokens`",
        )
        for sample, tokens in found.tokens.items()
        if tokens + entry["max_tokens"] > context
    ]


def report_of(going: Rehearsal, tunes: dict[str, Any], loaded: float) -> dict[str, Any]:
    """What is known now. `rates` are for the time that real steps will take."""
    tokens = sum(c.tokens for r in going.generated for c in r.completions)
    seconds = sum(r.seconds for r in going.generated)
    rates = {"load_seconds": loaded, "generate_tokens_per_second": tokens / seconds if seconds else None}
    slowest = min((t["tokens_per_second"] for t in tunes.values()), default=None)
    peaks = {tune_id(name): t["peak_memory_bytes"] for name, t in tunes.items()}
    if going.generated:
        peaks["generate"] = max(r.peak_memory_bytes for r in going.generated)
    report: dict[str, Any] = plain(
        {
            "rates": {**rates, "tune_tokens_per_second": slowest},
            "peaks": peaks,
            "tunes": tunes,
            "paths": {name: t["paths"] for t in tunes.values() for name in t["stands_for"]},
            "answer_paths": [plain(c) for c in going.compared],
            "liveness": {name: t["liveness"] for name, t in tunes.items()},
            "prompts": going.prompts,
            "peak_memory_bytes": max(peaks.values(), default=0),
        }
    )
    return report


def lasting(report: dict[str, Any]) -> dict[str, Any]:
    """What is the same in every rehearsal of the same key."""
    adapters = {name: t["adapter_digest"] for name, t in report["tunes"].items()}
    return {"adapters": adapters, "prompts": report["prompts"]}
