"""The prompt of a chain's stage: its template filled with a sample's columns and the earlier stages' answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from runner.errors import IntegrityError, InvalidError
from runner.samples.render import render
from runner.samples.sample import Completion, Sample


def stage_samples(
    samples: Sequence[Sample],
    template: str,
    upstream: Mapping[str, Sequence[Completion]],
    *,
    images: bool,
    references: Mapping[str, str] | None = None,
) -> tuple[Sample, ...]:
    """The samples as one stage sees them.

    Args:
        template: the stage's prompt; "" keeps the data set's own.
        upstream: stage id → its answers to the same samples.
        images: whether the stage sees the sample's images.
        references: stage id → the column with its reference text, for stages that are taken as perfect.

    Raises:
        IntegrityError: an earlier stage did not answer a sample.
        InvalidError: a sample lacks the column of a reference text.
    """
    answers = {
        stage: {c.sample_id: c.text for c in answered if c.kind == "main"} for stage, answered in upstream.items()
    }
    staged = []
    for sample in samples:
        prompt = sample.prompt
        if template:
            missing = [stage for stage, texts in answers.items() if sample.id not in texts]
            if missing:
                raise IntegrityError(f"stage `{missing[0]}` has no answer to sample `{sample.id}`")
            absent = [name for name in (references or {}).values() if name not in sample.fields]
            if absent:
                raise InvalidError(
                    f"{sample.source}: no text column `{absent[0]}`, which a stage names as its reference"
                )
            fields = {**sample.fields, **{stage: sample.fields[name] for stage, name in (references or {}).items()}}
            fields |= {stage: texts[sample.id] for stage, texts in answers.items()}
            prompt = render(template, fields)
        staged.append(dataclasses.replace(sample, prompt=prompt, images=sample.images if images else ()))
    return tuple(staged)
