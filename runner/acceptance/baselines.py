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
from dataclasses import dataclass

from runner.errors import IntegrityError
from runner.samples.sample import Completion, Sample

LEAD, COPY, MAJORITY, LENGTH_MATCHED = "lead", "copy", "majority", "length_matched"
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Rules:
    """What the training answers teach without a model."""

    words: int  # a usual reference's
    majority: str = ""  # the commonest reference; "" where none occurs twice


def rules_of(train: Sequence[Sample]) -> Rules:
    """The rules of a training split: the median length of its references, and the commonest, of equals the first."""
    words = statistics.median(len(_WORD.findall(s.reference)) for s in train) if train else 0
    commonest = Counter(s.reference for s in train).most_common(1)
    found = commonest[0][0] if commonest and commonest[0][1] > 1 else ""
    return Rules(max(1, round(words)), found)


def no_model_answers(samples: Sequence[Sample], train: Sequence[Sample]) -> dict[str, tuple[Completion, ...]]:
    """Answers to `samples` by name of the baseline, for those that fit the task; see `rule_answers`."""
    rules = rules_of(train or samples)
    texts = {sample.id: input_text(sample) for sample in samples}
    return rule_answers([s.id for s in samples], texts, rules if train else Rules(rules.words))


def rule_answers(ids: Sequence[str], texts: Mapping[str, str], rules: Rules) -> dict[str, tuple[Completion, ...]]:
    """Answers to the samples `ids` by name of the baseline, for those that fit the task.

    `lead`: the first k words of the input, k being the median length of the training references. `copy`: the whole
    input. Both need a text to copy from: they are left out where a sample has none. `majority`: the training
    references' commonest; left out where none occurs twice.
    """
    answers: dict[str, tuple[Completion, ...]] = {}
    if ids and all(texts.get(name, "").strip() for name in ids):
        answers[LEAD] = tuple(_completion(name, _lead(texts[name], rules.words)) for name in ids)
        answers[COPY] = tuple(_completion(name, texts[name]) for name in ids)
    if rules.majority:
        answers[MAJORITY] = tuple(_completion(name, rules.majority) for name in ids)
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


def input_text(sample: Sample) -> str:
    """The text that an answer could be copied from: the longest column of the prompt that is not the reference.

    Where the prompt holds no column, the longest of the columns and the prompt itself. "" for a sample with images.
    """
    if sample.images:
        return ""
    texts = [text for text in sample.fields.values() if text.strip() and text not in (sample.reference, sample.id)]
    return max([t for t in texts if t in sample.prompt] or [*texts, sample.prompt], key=len)


def _lead(text: str, words: int) -> str:
    """The first so many words with the spaces between them as they were."""
    found = list(_WORD.finditer(text))[:words]
    return text[found[0].start() : found[-1].end()] if found else ""


def _completion(sample_id: str, text: str) -> Completion:
    return Completion(sample_id, text, tokens=len(_WORD.findall(text)))
