"""`prepare`: read a data set, check it, and write its samples as every later step reads them."""

from __future__ import annotations

import dataclasses

from runner.acceptance.baselines import Rules, input_text, rules_of
from runner.canonical import plain
from runner.files import write_json
from runner.samples.io import write_samples
from runner.samples.marks import mark_of, write_marks
from runner.samples.overlap import TRAIN
from runner.samples.prepare import prepare
from runner.samples.sample import Sample
from runner.spec.model import DatasetSpec
from runner.steps.context import StepRequest, StepResult, Surroundings


def run(request: StepRequest, around: Surroundings) -> StepResult:
    """Write `<split>.jsonl` (whole samples), `<split>.inputs.jsonl` (what a model sees of them) and `findings.json`.

    `<split>.marks.jsonl` tells its rows from those of other data sets. For answers without a model: `rules.json` (what
    the training answers teach), and of the splits that are judged `<split>.texts.json` (sample id → the text that an
    answer could be copied from).
    """
    params = dict(request.params)
    columns = frozenset(params.pop("columns"))
    folder = request.inputs["dataset"].relative_to(request.root).as_posix()
    dataset = DatasetSpec(id=request.id.split("/", 1)[1], path=folder, **params)
    prepared = prepare(dataset, request.root)
    for split, samples in prepared.samples.items():
        # One after the other: a second copy of a million rows would not fit beside the first.
        write_samples(request.out / f"{split}.jsonl", (_keep(s, columns) for s in samples))
        write_samples(request.out / f"{split}.inputs.jsonl", (_input(_keep(s, columns)) for s in samples))
        write_marks(request.out / f"{split}.marks.jsonl", (mark_of(s, prepared.images) for s in samples))
        if split != TRAIN:
            write_json(request.out / f"{split}.texts.json", {s.id: input_text(s) for s in samples})
    known = prepared.samples.get(TRAIN) or next(iter(prepared.samples.values()))
    rules = rules_of(known)
    # Without training answers the length is that of the judged ones, and no answer of theirs may be given away.
    write_json(request.out / "rules.json", plain(rules if TRAIN in prepared.samples else Rules(rules.words)))
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
