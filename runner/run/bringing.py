"""The hub models that a run needs and this machine has not: said with their sizes, held against the disk, fetched."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.errors import Diagnostic, InvalidError, ResourceError
from runner.machine.disk import free_bytes
from runner.models.download import SPARE_BYTES
from runner.models.facts import shipped_facts
from runner.models.fetch import Fetched, Remote, fetch, remote
from runner.models.hub_settings import MODELS_OFFLINE, hub_cache, offline_by
from runner.models.locate import find_checkpoint, locate_checkpoint
from runner.models.lock import Lock, lock_path, pinned_commit, read_lock
from runner.plan.model import Plan
from runner.run.journal import Listener
from runner.samples.hub_id import is_hub_id
from runner.spec.model import ModelSpec, Spec

EVENT_SECONDS = 1.0  # progress is passed on at most this often: a journal of hours stays small


def unplannable(spec: Spec, root: Path) -> tuple[ModelSpec, ...]:
    """Hub models that are not here and of which no facts ship: no plan can be made before they come."""
    locked = read_lock(root / lock_path(spec.path))
    return tuple(
        model
        for model in spec.models.values()
        if is_hub_id(model.path)
        and find_checkpoint(model, root, commit=pinned_commit(model, locked)) is None
        and shipped_facts(model.path) is None
    )


def wanted_by(plan: Plan, absent: Iterable[ModelSpec]) -> tuple[ModelSpec, ...]:
    """Those of the absent models that a step to run reads."""
    read = {source.id for planned in plan.to_run for source in planned.step.sources if source.kind == "checkpoint"}
    return tuple(model for model in absent if model.id in read)


def bring(models: Sequence[ModelSpec], spec: Spec, root: Path, emit: Listener, *, offline: bool = False) -> None:
    """Fetch models into the hub cache, after saying what comes and how much. What came before an end stays.

    Raises:
        InvalidError: offline, with every model that is missing; or the hub refuses, or has no such model.
        ResourceError: all of them together do not fit on the disk; nothing was fetched.
    """
    if not models:
        return
    locked = read_lock(root / lock_path(spec.path)) or Lock()
    commits = {model.id: pinned_commit(model, locked) for model in models}
    if forbidden := "`--offline`" if offline else offline_by(MODELS_OFFLINE):
        raise InvalidError.of([_missing(model, root, commits[model.id], forbidden) for model in models])
    bring_at(models, commits, emit)


def bring_at(models: Sequence[ModelSpec], commits: dict[str, str], emit: Listener) -> dict[str, Fetched]:
    """As `bring`, at the commits that are named ("" for the newest of the revision); what came, by model.

    Raises:
        InvalidError, ResourceError: see `bring`.
    """
    found = {model.id: remote(model, commit=commits[model.id]) for model in models}
    free = free_bytes(hub_cache())
    for model in models:
        there = found[model.id]
        about = {"model": model.id, "path": model.path, "commit": there.commit, "files": there.files}
        sizes = {"total": there.total_bytes, "missing": there.missing_bytes, "free": free}  # bytes
        emit({"event": "fetch", **about, **sizes, "to": str(hub_cache())})
    missing = sum(there.missing_bytes for there in found.values())
    if missing + SPARE_BYTES > free:
        raise ResourceError(
            f"{missing / 1e9:.1f} GB of models are to come and {free / 1e9:.1f} GB are free at {hub_cache()}; "
            f"{SPARE_BYTES / 1e9:.0f} GB of them stay free",
            help="free some space, or set HF_HOME to a larger disk",
        )
    came = {}
    for model in models:
        progress = _Progress(model, found[model.id], emit)
        came[model.id] = fetch(model, commit=commits[model.id], on_event=progress)
        progress.end(came[model.id])
    return came


def _missing(model: ModelSpec, root: Path, commit: str, forbidden: str) -> Diagnostic:
    try:
        locate_checkpoint(model, root, commit=commit)
    except InvalidError as error:
        return Diagnostic(code="E751", message=f"{error.message}, and {forbidden} forbids to fetch it", help=error.help)
    raise AssertionError(f"{model.id} is here")


@dataclass
class _Progress:
    """Turns a download's events into those of a run: one count of bytes a model."""

    model: ModelSpec
    there: Remote
    emit: Listener
    before: dict[str, int] = field(default_factory=dict)  # file → its bytes that were here when it was begun
    now: dict[str, int] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    last: float = 0.0

    @property
    def received(self) -> int:
        """Bytes that came since this began."""
        return max(0, sum(done - self.before.get(file, 0) for file, done in self.now.items()))

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "begin":
            self.before[str(event["file"])] = int(event["done"])
        if event["event"] != "progress":
            return
        self.now[str(event["file"])] = int(event["done"])
        seconds = time.monotonic() - self.began
        if seconds - self.last >= EVENT_SECONDS:
            self.last = seconds
            total, here = self.there.total_bytes, self.there.total_bytes - self.there.missing_bytes
            said = {"done": here + self.received, "total": total, "file": str(event["file"])}
            rate = round(self.received / seconds)
            self.emit({"event": "fetching", "model": self.model.id, **said, "bytes_per_second": rate})

    def end(self, came: Fetched) -> None:
        """Say that it is here, and where it is not what was expected of it."""
        seconds = round(time.monotonic() - self.began, 3)
        about = {"commit": came.checkpoint.commit, "folder": str(came.checkpoint.folder)}
        self.emit({"event": "fetched", "model": self.model.id, **about, "total": self.received, "seconds": seconds})
        for difference in came.differences:
            text = f"{self.model.id}: shipped facts differ: {difference}; the plan goes by what came"
            self.emit({"event": "warning", "text": text})
