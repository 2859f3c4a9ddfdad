"""The rows that a tuning sees: a split's samples, the real outputs of a chain's earlier stages in their prompts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runner.samples.io import read_completions, read_samples
from runner.samples.sample import Sample
from runner.steps.prompts import stage_samples


def rows_of(split: str, inputs: Mapping[str, Path], *, prompt: str, images: bool) -> tuple[Sample, ...]:
    """The rows of a split with the prompts that a tuning sees; none where the data set has no such split.

    Args:
        inputs: role → file; the role of an earlier stage's answers is `<split>.<stage>`.
        prompt: the stage's template; "" keeps the data set's own.
        images: whether the tuned model sees the samples' images.
    """
    if split not in inputs:
        return ()
    role = f"{split}."
    upstream = {
        name.removeprefix(role): read_completions(path) for name, path in inputs.items() if name.startswith(role)
    }
    return stage_samples(read_samples(inputs[split]), prompt, upstream, images=images)
