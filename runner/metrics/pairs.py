"""`Pair`: one sample with its answer, as every metric gets it; `Rows`: one score a pair, as every metric gives it."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from runner.errors import IntegrityError, InvalidError
from runner.metrics.failures import failure_of
from runner.samples.sample import Completion, Sample
from runner.samples.text import nfc


@dataclass(frozen=True)
class Pair:
    """A sample, its answer and, where a metric needs them, the earlier stage's answer and the repeats."""

    sample: Sample
    completion: Completion
    upstream: Completion | None = None
    sampled: tuple[Completion, ...] = ()
    greedy: tuple[Completion, ...] = ()
    paraphrased: tuple[Completion, ...] = ()
    format: str = "any"  # what the evaluation asks of answers

    @functools.cached_property
    def failure(self) -> str:
        """A kind of `failures.KINDS`; "" for an answer that can be scored."""
        return failure_of(self.completion, format=self.format, reference=self.reference)

    @functools.cached_property
    def answer(self) -> str:
        """The answer, NFC; a failed one counts as no answer at all."""
        return "" if self.failure else nfc(self.completion.text)

    @functools.cached_property
    def reference(self) -> str:
        """The right answer, NFC."""
        return nfc(self.sample.reference)

    def references(self, answers: str) -> tuple[str, ...]:
        """The right answers: the whole reference (`one`), or each of its non-empty lines (`lines`)."""
        if answers == "one":
            return (self.reference,)
        return tuple(line.strip() for line in self.reference.splitlines() if line.strip()) or ("",)


@dataclass(frozen=True)
class Rows:
    """What a metric makes: one value for each pair it could judge, and statistics for a corpus metric.

    Which pairs can be judged depends on the samples alone (a row without facts, say), never on the answers.
    """

    pairs: tuple[Pair, ...]
    values: tuple[float, ...]
    statistics: tuple[tuple[float, ...], ...] = ()


def make_pairs(
    samples: Sequence[Sample],
    completions: Sequence[Completion],
    *,
    upstream: Sequence[Completion] | None = None,
    format: str = "any",
) -> tuple[Pair, ...]:
    """Pair every sample with its main answer, its repeats and the earlier stage's answer, in the samples' order.

    Raises:
        InvalidError: there is no sample.
        IntegrityError: an answer is missing, given twice, or belongs to no sample.
    """
    if not samples:
        raise InvalidError("there are no samples to score")
    main = _main(samples, completions, "completions")
    before = _main(samples, upstream, "upstream completions") if upstream is not None else {}
    repeats: dict[tuple[str, str], list[Completion]] = defaultdict(list)
    for completion in completions:
        if completion.kind != "main":
            repeats[completion.kind, completion.sample_id].append(completion)
    return tuple(
        Pair(
            sample,
            main[sample.id],
            before.get(sample.id),
            tuple(sorted(repeats["sampled", sample.id], key=lambda c: c.run)),
            tuple(sorted(repeats["greedy", sample.id], key=lambda c: c.run)),
            tuple(sorted(repeats["paraphrased", sample.id], key=lambda c: c.run)),
            format,
        )
        for sample in samples
    )


def _main(samples: Sequence[Sample], completions: Sequence[Completion], what: str) -> dict[str, Completion]:
    ids = {s.id for s in samples}
    if len(ids) != len(samples):
        raise IntegrityError("two samples have the same id")
    found: dict[str, Completion] = {}
    for completion in completions:
        if completion.sample_id not in ids:
            raise IntegrityError(f"{what}: `{completion.sample_id}` is the id of no sample")
        if completion.kind == "main":
            if completion.sample_id in found:
                raise IntegrityError(f"{what}: `{completion.sample_id}` is answered twice")
            found[completion.sample_id] = completion
    missing = [s.id for s in samples if s.id not in found]
    if missing:
        raise IntegrityError(f"{what}: {len(missing)} of {len(samples)} samples have no answer, `{missing[0]}` first")
    return found
