"""One input through a campaign's chain, tune or model: what it answers before and after tuning, in a worker."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.errors import MemoryLineError, StepError, UsageError
from runner.plan.names import ADAPTER, COMPLETIONS, INPUTS, UPSTREAM
from runner.plan.params import generate_params
from runner.run.child import Worker, environment_of_child
from runner.run.finished import FinishedRun
from runner.run.watched import Watched
from runner.samples.io import read_completions, read_samples, write_samples
from runner.samples.render import placeholders, render
from runner.samples.sample import ImageRef, Sample
from runner.spec.model import DatasetSpec, GenerateSpec, Spec, StageSpec
from runner.steps.context import StepRequest

ARMS = ("before", "after")
BUSY_FOLDER = "artifacts/.try"


@dataclass(frozen=True)
class Input:
    """What is asked: texts of columns, picture files below the project, and a prompt in place of the spec's."""

    fields: Mapping[str, str]
    text: str = ""  # for the one column that the prompt still lacks
    images: tuple[ImageRef, ...] = ()
    prompt: str = ""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """One stage's answer in one arm."""

    stage: str
    arm: str
    model: str
    adapter: str  # tune id; "" for the base model
    prompt: str
    text: str
    tokens: int
    finish_reason: str
    seconds: float


@dataclass(frozen=True)
class Subject:
    """What answers: its stages, how they generate, and the data set whose prompt they are asked with."""

    id: str
    stages: tuple[StageSpec, ...]
    settings: GenerateSpec
    dataset: DatasetSpec | None


def subject_of(spec: Spec, name: str) -> Subject:
    """A chain, a tune, a model, or the subject of an evaluation.

    Raises:
        UsageError: the spec has none of that name.
    """
    evaluation = spec.evaluations.get(name)
    if evaluation:
        name = evaluation.subject
    used = evaluation or next((e for e in spec.evaluations.values() if e.subject == name), None)
    dataset = used.dataset if used else next((t.dataset for t in spec.tunes.values() if name in (t.id, t.chain)), "")
    if name in spec.tunes:
        tune = spec.tunes[name]
        own = (StageSpec(id=name, model=tune.model, adapter=name),)
        stages, dataset = (spec.chains[tune.chain].stages if tune.chain else own), dataset or tune.dataset
    elif name in spec.chains:
        stages = spec.chains[name].stages
    elif name in spec.models:
        stages = (StageSpec(id=name, model=name),)
    else:
        there = ", ".join(f"`{n}`" for n in (*spec.chains, *spec.tunes, *spec.evaluations, *spec.models))
        raise UsageError(f"`{name}` is no chain, tune, evaluation or model of `{spec.path}`", help=f"there are {there}")
    return Subject(name, stages, used.generate if used else GenerateSpec(), spec.datasets.get(dataset))


def ask(subject: Subject, given: Input) -> tuple[Sample, tuple[StageSpec, ...]]:
    """The sample to answer, and the stages with the first one's prompt replaced where another was given.

    Raises:
        UsageError: the prompt has a column that was not given, or nothing asks.
    """
    first, dataset = subject.stages[0], subject.dataset
    template = given.prompt or first.prompt or (dataset.prompt if dataset else "")
    fields = dict(given.fields)
    later = {s.id for s in subject.stages}
    every = [n for t in (template, *(s.prompt for s in subject.stages[1:])) for n in placeholders(t) if n not in later]
    missing = [n for n in dict.fromkeys(every) if n not in fields]
    if given.text and not template:
        template, fields["text"] = "{text}", given.text
    elif given.text and len(missing) == 1:
        fields[missing.pop()] = given.text
    elif given.text:
        what = f"lacks {', '.join(f'`{n}`' for n in missing)}" if missing else "has no column for it"
        raise UsageError(f"where the text goes is not clear: the prompt {what}", help="--set COLUMN=TEXT, or --prompt")
    if missing:
        raise UsageError(f"the prompt asks for `{missing[0]}`", help=f"--set {missing[0]}=TEXT")
    _check_images(subject, given, template)
    system = dataset.system if dataset else ""
    prompt = render(template, fields)
    sample = Sample("input", prompt, reference="", images=given.images, system=system, fields=fields)
    return sample, (replace(first, prompt=""), *subject.stages[1:])


def _check_images(subject: Subject, given: Input, template: str) -> None:
    if not template and not given.images:
        raise UsageError("nothing is asked", help="give a text, a picture, or --prompt")
    if subject.dataset and subject.dataset.image and not given.images:
        raise UsageError(f"`{subject.id}` looks at pictures, and none is given", help="name a picture's file")
    if subject.dataset and not subject.dataset.image and given.images:
        raise UsageError(f"`{subject.id}` looks at no picture", help="give it a text")


def try_input(
    run: FinishedRun, subject: Subject, given: Input, on_event: Callable[[dict[str, Any]], None]
) -> tuple[Answered, ...]:
    """Answer with the base models and, where something is tuned, with the adapters; stage by stage, models loaded once.

    Raises:
        UsageError: as `ask`.
        InvalidError, IntegrityError: a model or an adapter is not on this machine, or is not the recorded one.
        StepError, MemoryLineError: a worker failed.
    """
    sample, stages = ask(subject, given)
    arms = ARMS if any(s.adapter for s in stages) else ARMS[:1]
    adapters = {s.adapter: run.adapter(s.adapter) for s in stages if s.adapter}
    checkpoints = {s.model: run.checkpoint(s.model) for s in stages}
    answered: list[Answered] = []
    with busy_folder(run.root) as folder, watched_worker(run.root, run.spec.limits.memory_bytes) as watched:
        write_samples(folder / INPUTS, [sample])
        for position, stage in enumerate(stages):
            for arm in arms:
                request = _request(run, subject, stages[: position + 1], arm, folder)
                request.inputs["model"] = checkpoints[stage.model]
                adapter = stage.adapter if arm == "after" else ""
                if adapter:
                    request.inputs["adapter"] = adapters[adapter] / ADAPTER
                done = run_watched(watched, request, on_event)
                answered.append(_answer(request, stage, arm, adapter, sample, done))
    return tuple(answered)


def _request(run: FinishedRun, subject: Subject, stages: tuple[StageSpec, ...], arm: str, folder: Path) -> StepRequest:
    stage, earlier = stages[-1], stages[:-1]
    used = [s.id for s in earlier if s.id in placeholders(stage.prompt)]
    params = generate_params(
        run.spec,
        stage,
        subject.settings,
        upstream=used,
        references={},
        images=not earlier,
        repeat="",
        paraphrases=(),
        stream="try",
    )
    out = folder / arm / stage.id
    out.mkdir(parents=True)
    inputs = {"inputs": folder / INPUTS} | {UPSTREAM + n: folder / arm / n / COMPLETIONS for n in used}
    return StepRequest(
        id=f"try/{subject.id}/{stage.id}/{arm}",
        kind="generate",
        params=params,
        inputs=inputs,
        out=out,
        checkpoint=out,
        root=run.root,
    )


def _answer(
    request: StepRequest, stage: StageSpec, arm: str, adapter: str, sample: Sample, done: dict[str, Any]
) -> Answered:
    (completion,) = read_completions(request.out / COMPLETIONS)
    staged = request.out / INPUTS
    prompt = read_samples(staged)[0].prompt if staged.exists() else sample.prompt
    return Answered(
        stage=stage.id,
        arm=arm,
        model=stage.model,
        adapter=adapter,
        prompt=prompt,
        text=completion.text,
        tokens=completion.tokens,
        finish_reason=completion.finish_reason,
        seconds=float(done["measures"]["seconds"]),
    )


@contextmanager
def busy_folder(root: Path) -> Iterator[Path]:
    """A folder below the project for as long as one command runs."""
    folder = root / BUSY_FOLDER / secrets.token_hex(8)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def watched_worker(root: Path, limit: int | None) -> Iterator[Watched]:
    """A worker under a memory limit."""
    environment = environment_of_child()
    log = root / BUSY_FOLDER / "worker.log"
    watched = Watched(Worker(environment=environment, log=log, limit_bytes=limit), limit)
    try:
        yield watched
    finally:
        watched.close()


def run_watched(watched: Watched, request: StepRequest, on_event: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run one request.

    Raises:
        MemoryLineError: the guard ended the worker.
        InvalidError, ResourceError, StepError: as the step raised them.
    """
    try:
        return watched.worker.run(request, on_event)
    except StepError:
        if watched.guard.killed:
            peak = watched.guard.reset().peak_bytes / 1e9
            message = f"{request.id}: ended at {peak:.2f} GB of memory, past the kill line under `limits.memory`"
            raise MemoryLineError(message, help="raise `limits.memory` in the spec and apply it again") from None
        raise
