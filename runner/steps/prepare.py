"""`prepare`: read a data set, check it, and write its samples as every later step reads them."""

from __future__ import annotations

import dataclasses

from runner.canonical import plain
from runner.files import write_json
from runner.samples.io import write_samples
from runner.samples.prepare import prepare
from runner.samples.sample import Sample
from runner.spec.model import DatasetSpec
from runner.steps.context import StepRequest, StepResult, Surroundings


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `<split>.jsonl` (whole samples), `<split>.inputs.jsonl` (what a model sees of them) and `findings.json`."""
    params = dict(request.params)
    columns = frozenset(params.pop("columns"))
    folder = request.inputs["dataset"].relative_to(request.root).as_posix()
    dataset = DatasetSpec(id=request.id.split("/", 1)[1], path=folder, **params)
    prepared = prepare(dataset, request.root)
    for split, samples in prepared.samples.items():
        kept = [_keep(s, columns) for s in samples]
        write_samples(request.out / f"{split}.jsonl", kept)
        write_samples(request.out / f"{split}.inputs.jsonl", [_input(s) for s in kept])
    write_json(
        request.out / "findings.json", {"report": prepared.report, "findings": [plain(f) for f in prepared.findings]}
    )
    return StepResult(
        {
            "rows": {split: len(samples) for split, samples in prepared.samples.items()},
            "findings": len(prepared.findings),
        }
    )


def _keep(sample: Sample, columns: frozenset[str]) -> Sample:
    """The sample with those of the row's columns that a chain's prompts use."""
    return dataclasses.replace(sample, fields={k: v for k, v in sample.fields.items() if k in columns})


def _input(sample: Sample) -> Sample:
    """What a model sees of a sample: no reference, so that correcting one does not generate again."""
    return dataclasses.replace(sample, reference="", facts=(), cluster="", source="")
