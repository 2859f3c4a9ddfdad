"""Answers that need no model: what a gain must beat before it means anything.

Copying the first words of a document can score nearly as high as a tuned summarizer, and always giving the commonest
answer can beat a base model. And a tuning that only learned to be brief beats a wordy base model on many metrics:
`length_matched` cuts the base model's own answers to the tuned one's lengths.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from runner.errors import IntegrityError
from runner.samples.sample import Completion, Sample

LEAD, COPY, MAJORITY, LENGTH_MATCHED = "lead", "copy", "majority", "length_matched"
_WORD = re.compile(r"\S+")


def no_model_answers(samples: Sequence[Sample], train: Sequence[Sample]) -> dict[str, tuple[Completion, ...]]:
    """Answers to `samples` by name of the baseline, for those that fit the task.

    `lead`: the first k words of the input, k being the median length of the training references. `copy`: the whole
    input. Both need a text to copy from: they are left out where samples have images, or nothing beside the prompt.
    `majority`: the training references' commonest, of equals the first; left out where none occurs twice.
    """
    answers: dict[str, tuple[Completion, ...]] = {}
    inputs = [_input(sample) for sample in samples]
    known = train or samples
    if samples and all(inputs):
        words = max(1, round(statistics.median(len(_WORD.findall(s.reference)) for s in known)))
        answers[LEAD] = tuple(_answer(s, _lead(text, words)) for s, text in zip(samples, inputs, strict=True))
        answers[COPY] = tuple(_answer(s, text) for s, text in zip(samples, inputs, strict=True))
    commonest = Counter(s.reference for s in train).most_common(1)
    if commonest and commonest[0][1] > 1:
        answers[MAJORITY] = tuple(_answer(s, commonest[0][0]) for s in samples)
    return answers


def length_matched(before: Sequence[Completion], after: Sequence[Completion]) -> tuple[Completion, ...]:
    """The base model's answers, each cut to as many words as the tuned model used for the same sample.

    Raises:
        IntegrityError: the two do not answer the same samples.
    """
    main = {c.sample_id: c.text for c in before if c.kind == "main"}
    tuned = {c.sample_id: c.text for c in after if c.kind == "main"}
    if main.keys() != tuned.keys():
        raise IntegrityError("before and after do not answer the same samples")
    texts = {name: _lead(text, len(_WORD.findall(tuned[name]))) for name, text in main.items()}
    return tuple(_completion(name, text) for name, text in texts.items())


def beaten_by(value: float, others: Mapping[str, float], *, higher: bool) -> tuple[str, ...]:
    """Names of the baselines that do as well as `value` or better."""
    return tuple(name for name, other in others.items() if (other >= value if higher else other <= value))


def _input(sample: Sample) -> str:
    """The text that an answer could be copied from: the longest column that is not the reference."""
    if sample.images:
        return ""
    texts = [text for text in sample.fields.values() if text.strip() and text != sample.reference]
    return max(texts, key=len, default="")


def _lead(text: str, words: int) -> str:
    """The first so many words with the spaces between them as they were."""
    found = list(_WORD.finditer(text))[:words]
    return text[found[0].start() : found[-1].end()] if found else ""


def _answer(sample: Sample, text: str) -> Completion:
    return _completion(sample.id, text)


def _completion(sample_id: str, text: str) -> Completion:
    return Completion(sample_id, text, tokens=len(_WORD.findall(text)))
