"""`prepare`: read a data set, check it, and write its samples as every later step reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from runner.acceptance.baselines import Rules, input_text, rules_of
from runner.canonical import json_text, plain
from runner.files import write_bytes
from runner.plan.names import FINDINGS, INPUTS, name_of
from runner.samples.io import file_blocks
from runner.samples.marks import mark_of, marks_blocks
from runner.samples.overlap import TRAIN
from runner.samples.prepare import Prepared, prepare
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
    dataset = DatasetSpec(id=name_of(request.id), path=folder, **params)
    prepared = prepare(dataset, request.root)
    for name, blocks in outputs(prepared, columns):
        write_bytes(request.out / name, blocks)
    return StepResult(
        {
            "rows": {split: len(samples) for split, samples in prepared.samples.items()},
            "findings": len(prepared.findings),
        }
    )


def outputs(prepared: Prepared, columns: frozenset[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Every file of a prepared data set with what it holds, to be written or digested one after the other.

    A second copy of a million rows would not fit beside the first, so each is made while it is read.
    """
    for split, samples in prepared.samples.items():
        yield f"{split}.jsonl", file_blocks(_keep(s, columns) for s in samples)
        yield f"{split}.{INPUTS}", file_blocks(_input(_keep(s, columns)) for s in samples)
        yield f"{split}.marks.jsonl", marks_blocks(mark_of(s, prepared.images) for s in samples)
        if split != TRAIN:
            yield f"{split}.texts.json", _json({s.id: input_text(s) for s in samples})
    yield "rules.json", _json(plain(known_rules(prepared)))
    yield FINDINGS, _json({"report": prepared.report, "findings": [plain(f) for f in prepared.findings]})


def known_rules(prepared: Prepared) -> Rules:
    """What the training answers teach.

    Without them the length is that of the judged ones, and no answer of theirs may be given away.
    """
    rules = rules_of(prepared.samples.get(TRAIN) or next(iter(prepared.samples.values())))
    return rules if TRAIN in prepared.samples else Rules(rules.words)


def _json(value: Any) -> Iterator[bytes]:
    yield json_text(value).encode()


def _keep(sample: Sample, columns: frozenset[str]) -> Sample:
    """The sample with those of the row's columns that a chain's prompts use."""
    return dataclasses.replace(sample, fields={k: v for k, v in sample.fields.items() if k in columns})


def _input(sample: Sample) -> Sample:
    """What a model sees of a sample: no reference, so that correcting one does not generate again."""
    return dataclasses.replace(sample, reference="", facts=(), cluster="", source="")
