"""Samples and completions for the tests of this folder."""

from __future__ import annotations

from collections.abc import Sequence

from runner.samples import Completion, Fact, Sample


def samples(references: Sequence[str], *, facts: Sequence[Sequence[Fact | str]] | None = None) -> tuple[Sample, ...]:
    """One sample for each reference, with ids s0, s1, …"""
    rows = facts or [()] * len(references)
    return tuple(
        Sample(f"s{i}", "prompt", reference, facts=tuple(f if isinstance(f, Fact) else Fact(f) for f in row))
        for i, (reference, row) in enumerate(zip(references, rows, strict=True))
    )


def answers(texts: Sequence[str], *, finish_reason: str = "stop") -> tuple[Completion, ...]:
    """The main answer to each sample of `samples`."""
    return tuple(Completion(f"s{i}", text, len(text.split()), finish_reason) for i, text in enumerate(texts))


def repeats(texts: Sequence[str], *, sample: int = 0, kind: str = "sampled") -> tuple[Completion, ...]:
    """Repeated answers to one sample."""
    return tuple(Completion(f"s{sample}", t, 1, run=run, kind=kind) for run, t in enumerate(texts, 1))
