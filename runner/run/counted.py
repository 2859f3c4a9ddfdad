"""Rows of data sets, counted by lines before they are prepared: near enough to say what they will cost."""

from __future__ import annotations

from pathlib import Path

from runner import files
from runner.errors import LorarunError
from runner.samples.dataset import DatasetSpec
from runner.spec.model import Spec

MAX_COUNTED_BYTES = 512 * 2**20


def lines_of(dataset: DatasetSpec, root: Path) -> dict[str, int]:
    """The rows of each JSONL split; a split that cannot be counted so is left out."""
    found = {}
    for split, name in dataset.splits.items():
        if name.endswith(".jsonl"):
            try:
                text = files.read_bytes(root / dataset.path / name, max_bytes=MAX_COUNTED_BYTES, root=root)
            except LorarunError:  # what is wrong with it is said where it is prepared
                continue
            found[split] = sum(1 for line in text.split(b"\n") if line.strip())
    return found


def tuning_rows(spec: Spec, root: Path) -> dict[str, int | None]:
    """The rows of `train` and `valid` that each tuning reads, each data set counted once.

    None where they cannot be counted, or nobody asks: only what frozen lower layers give is kept by row.
    """
    asking = {name: tune.dataset for name, tune in spec.all_tunes.items() if tune.lora.num_layers is not None}
    counted = {name: _learned(spec.datasets[name], root) for name in sorted(set(asking.values()))}
    return {name: counted[asking[name]] if name in asking else None for name in spec.all_tunes}


def _learned(dataset: DatasetSpec, root: Path) -> int | None:
    counted = lines_of(dataset, root)
    asked = [split for split in ("train", "valid") if split in dataset.splits]
    return sum(counted[split] for split in asked) if set(asked) <= set(counted) else None
