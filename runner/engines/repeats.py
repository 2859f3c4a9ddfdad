"""Which samples are answered again, and how: drawn at random for consistency, a second time for determinism."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runner.engines.decoding import Job
from runner.engines.protocol import GenerateRequest
from runner.engines.randomness import generator
from runner.samples.sample import Completion, Sample


def sampled(jobs: Sequence[Job], request: GenerateRequest) -> list[Job]:
    """A seeded subset of the main answers' jobs, each as often as asked, to be drawn at a temperature."""
    settings = request.settings
    order = generator(request.seed, request.stream, "consistency").permutation(len(jobs))
    return [
        replace(jobs[i], temperature=settings.consistency_temperature, run=run, kind="sampled")
        for i in sorted(order[: settings.consistency_samples])
        for run in range(1, settings.consistency_runs + 1)
    ]


def second(batches: Sequence[Sequence[Job]], request: GenerateRequest) -> list[list[Job]]:
    """Whole batches once more, until enough samples are in: a repeat of other shapes would ask another question."""
    count = request.settings.determinism_samples
    order = generator(request.seed, request.stream, "determinism").permutation(len(batches))
    chosen: list[list[Job]] = []
    for i in order:
        if sum(len(b) for b in chosen) >= count:
            break
        chosen.append([replace(job, run=1, kind="greedy") for job in batches[i]])
    return chosen


def in_order(made: Sequence[Completion], samples: Sequence[Sample]) -> tuple[Completion, ...]:
    """The main answers in the order of their samples, then the repeats."""
    place = {sample.id: i for i, sample in enumerate(samples)}
    kinds = {"main": 0, "greedy": 1, "sampled": 2}
    return tuple(sorted(made, key=lambda c: (kinds[c.kind], c.run, place[c.sample_id])))
