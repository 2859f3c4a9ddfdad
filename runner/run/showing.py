"""A few rows of a data set as a model of the campaign reads them: prepared here, read in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.errors import UsageError
from runner.files import read_json
from runner.models.locate import locate_checkpoint
from runner.models.lock import lock_path, pinned_commit, read_lock
from runner.run.trial import busy_folder, run_watched, watched_worker
from runner.samples.io import write_samples
from runner.samples.prepare import prepare
from runner.samples.shown import FILE, ShownRow
from runner.shape import build
from runner.spec.model import Spec
from runner.steps.context import StepRequest


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Rows, and the folder with their pictures as the model gets them."""

    model: str
    dataset: str
    split: str
    rows: tuple[ShownRow, ...]
    of: int  # rows of the split
    folder: Path


@contextmanager
def shown(spec: Spec, root: Path, dataset: str, *, split: str, count: int, model: str = "") -> Iterator[Shown]:
    """Evenly spread rows of a split; the pictures are there as long as the context is open.

    Without `model` it is the first that a tune or an evaluation brings together with the data set.

    Raises:
        UsageError: no such data set, split or model.
        InvalidError: the data set has errors, or the model is not on this machine.
    """
    if dataset not in spec.datasets:
        raise UsageError(f"`{dataset}` is no data set of `{spec.path}`", help=f"there are {', '.join(spec.datasets)}")
    if split not in spec.datasets[dataset].splits:
        there = ", ".join(spec.datasets[dataset].splits)
        raise UsageError(f"`{dataset}` has no split `{split}`", help=f"there are {there}")
    chosen, mask_prompt = _reader(spec, dataset, model)
    samples = prepare(spec.datasets[dataset], root).samples[split]
    picked = sorted({round(i * (len(samples) - 1) / max(count - 1, 1)) for i in range(count)})
    commit = pinned_commit(spec.models[chosen], read_lock(root / lock_path(spec.path)))
    checkpoint = locate_checkpoint(spec.models[chosen], root, commit=commit).folder
    with busy_folder(root) as busy:
        write_samples(busy / "samples.jsonl", [samples[i] for i in picked])
        inputs = {"model": checkpoint, "samples": busy / "samples.jsonl"}
        out = busy / "out"
        out.mkdir()
        request = StepRequest(
            id=f"show/{dataset}",
            kind="show",
            params={"mask_prompt": mask_prompt},
            inputs=inputs,
            out=out,
            checkpoint=busy,
            root=root,
        )
        with watched_worker(root, spec.limits.memory_bytes) as watched:
            run_watched(watched, request, lambda _: None)
        rows = tuple(build(ShownRow, value) for value in read_json(out / FILE))
        yield Shown(model=chosen, dataset=dataset, split=split, rows=rows, of=len(samples), folder=out)


def _reader(spec: Spec, dataset: str, model: str) -> tuple[str, bool]:
    """The model to read with, and whether its tuning leaves the prompt unsupervised."""
    if model and model not in spec.models:
        raise UsageError(f"`{model}` is no model of `{spec.path}`", help=f"there are {', '.join(spec.models)}")
    tunes = [t for t in spec.tunes.values() if t.dataset == dataset and not t.chain and model in ("", t.model)]
    if tunes:
        return tunes[0].model, tunes[0].train.mask_prompt
    chains = [
        spec.chains[e.subject] for e in spec.evaluations.values() if e.dataset == dataset and e.subject in spec.chains
    ]
    chains += [spec.chains[t.chain] for t in spec.tunes.values() if t.dataset == dataset and t.chain]
    return model or next((c.stages[0].model for c in chains), next(iter(spec.models))), True
