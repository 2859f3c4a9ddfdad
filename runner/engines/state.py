"""The resumable state of a tuning: weights, optimizer, position, gathered gradients, best-so-far; and its file.

All random streams are derived from (seed, stream, purpose, update, micro-batch), so the position is their state.
A checkpoint is two files: tensors under a name that no others have, and `checkpoint.json`, whose atomic replacement
makes it count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx

from runner.canonical import PREFIX, digest_file, digest_value, plain
from runner.engines.digest import read_tensors
from runner.engines.protocol import TuneRequest
from runner.engines.rows import Row
from runner.errors import IntegrityError
from runner.files import fsync, fsync_folder, read_json, write_json

INDEX = "checkpoint.json"
VERSION = 3


@dataclass
class Progress:
    """How far a tuning is. Everything here is JSON data; arrays are in `Tensors`."""

    update: int = 0  # finished optimizer updates
    micro: int = 0  # finished micro-batches of the next update
    loss: float = 0.0  # their share of its loss
    trained_tokens: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    valid_losses: list[tuple[int, float]] = field(default_factory=list)
    valid_scores: list[tuple[int, float]] = field(default_factory=list)
    best_cost: float | None = None  # the loss, or the metric that chooses, in its own direction
    best_update: int = 0
    without_gain: int = 0  # evaluations since the best one
    stopped_early: bool = False


@dataclass(frozen=True)
class Tensors:
    """The arrays of a checkpoint, by flat name."""

    adapter: dict[str, mx.array]
    optimizer: dict[str, mx.array]
    gathered: dict[str, mx.array] = field(default_factory=dict)
    best: dict[str, mx.array] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """What `load` found."""

    progress: Progress
    tensors: Tensors


def save(folder: Path, progress: Progress, tensors: Tensors, *, request: str) -> None:
    """Write a checkpoint durably; the one before it is removed only then. `request` says which tuning it belongs to.

    Raises:
        ResourceError: the disk is full; the checkpoint before it is still there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".tmp.safetensors"
    flat = {f"{part}/{k}": v for part in _PARTS for k, v in getattr(tensors, part).items()}
    mx.save_safetensors(str(temporary), flat)
    with temporary.open("rb") as f:
        fsync(f.fileno())
    digest = digest_file(temporary)
    # by content: a second write at one position may hold the tensors in another order, and the index is of the first
    name = f"{progress.update:08d}-{progress.micro:04d}-{digest.removeprefix(PREFIX)[:16]}.safetensors"
    temporary.rename(folder / name)
    fsync_folder(folder)
    index = {"version": VERSION, "request": request, "file": name, "digest": digest, "progress": plain(progress)}
    write_json(folder / INDEX, index | {"index_digest": digest_value(index)})
    for path in folder.iterdir():
        if path.name not in {INDEX, name}:
            path.unlink()


def load(folder: Path, *, request: str) -> Checkpoint | None:
    """The checkpoint of this very request; None where there is none, or it belongs to another request.

    Raises:
        IntegrityError: its bytes are not those that were written.
    """
    if not (folder / INDEX).is_file():
        return None
    index = read_json(folder / INDEX)
    if isinstance(index, dict) and index.get("version") != VERSION:
        return None
    if not isinstance(index, dict) or not _is_as_written(index):
        raise _changed(folder / INDEX)
    if index["request"] != request:
        return None
    path = folder / Path(index["file"]).name
    if not path.is_file() or digest_file(path) != index["digest"]:
        raise _changed(path)
    parts: dict[str, dict[str, mx.array]] = {part: {} for part in _PARTS}
    for name, array in read_tensors(path).items():
        part, _, rest = name.partition("/")
        parts[part][rest] = array
    return Checkpoint(_progress(index["progress"]), Tensors(**parts))


def request_digest(
    request: TuneRequest, train: Sequence[Row], valid: Sequence[Row], start: str, taken: dict[str, str]
) -> str:
    """Of everything that decides the result, so that a checkpoint is only ever resumed by its own request."""
    return digest_value(
        {
            "lora": request.lora,
            "train": request.train_spec,
            "seed": str(request.seed),
            "stream": request.stream,
            "micro_batch": request.micro_batch,
            "grad_checkpoint": request.grad_checkpoint,
            "start": start,
            "paths": taken,
            "rows": [[(r.id, r.tokens, r.first_label, r.prompt.images) for r in rows] for rows in (train, valid)],
        }
    )


_PARTS = ("adapter", "optimizer", "gathered", "best")


def _is_as_written(index: dict[str, Any]) -> bool:
    about = {name: value for name, value in index.items() if name != "index_digest"}
    try:
        return bool(index.get("index_digest") == digest_value(about))
    except ValueError:  # numbers that are never written
        return False


def _changed(path: Path) -> IntegrityError:
    help_text = f"remove `{path.parent}` to begin this tuning again"
    return IntegrityError(f"`{path}` is not the checkpoint that was written", help=help_text)


def _progress(data: dict[str, Any]) -> Progress:
    progress = Progress(**data)
    progress.valid_losses = [(int(u), float(x)) for u, x in progress.valid_losses]
    progress.valid_scores = [(int(u), float(x)) for u, x in progress.valid_scores]
    return progress
