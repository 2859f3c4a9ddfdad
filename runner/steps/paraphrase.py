"""The same samples asked in other words: which of them, and their prompts."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

from runner.errors import InvalidError
from runner.samples.render import placeholders, render
from runner.samples.sample import Sample

OWN = "prompt"  # stands for the sample's own prompt where the row has no such column


def chosen(samples: Sequence[Sample], count: int, *, seed: int, stream: str) -> tuple[Sample, ...]:
    """A seeded subset in the samples' order; the same whatever the order they come in, and whoever answers."""

    def rank(sample: Sample) -> bytes:
        return hashlib.sha256(f"{seed}\0{stream}\0{sample.id}".encode()).digest()

    kept = {s.id for s in sorted(samples, key=rank)[:count]}
    return tuple(s for s in samples if s.id in kept)


def reworded(sample: Sample, template: str, answers: dict[str, str]) -> Sample:
    """The sample asked by another template, over its columns, the earlier stages' answers, and `{prompt}`.

    Raises:
        InvalidError: the row lacks a column that the template names.
    """
    fields = {OWN: sample.prompt} | sample.fields | answers
    missing = [name for name in placeholders(template) if name not in fields]
    if missing:
        raise InvalidError(f"{sample.source or sample.id}: no text column `{missing[0]}`, which a paraphrase names")
    return dataclasses.replace(sample, prompt=render(template, fields))
