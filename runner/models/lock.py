"""`specs/<name>.lock`: what a spec leaves open and a run has settled. Kept in git, compared before every run.

Commits of models, digests of weights and data, the chosen micro-batch with its reasons, the environment class.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from runner.canonical import plain
from runner.errors import IntegrityError, InvalidError
from runner.files import read_text, write_json
from runner.shape import ShapeError, build
from runner.spec.model import ModelSpec
from runner.spec.source import Source
from runner.spec.yaml_text import conflict_in

FORMAT = 1
MAX_BYTES = 4 * 2**20


@dataclass(frozen=True)
class LockedModel:
    path: str
    revision: str = ""
    commit: str = ""  # "" for a plain folder
    digest: str = ""  # of the whole checkpoint; "" until its weights were here
    pins: dict[str, str] = field(default_factory=dict)  # fast paths of answering → "on" or "off: …", as measured


@dataclass(frozen=True)
class LockedDataset:
    path: str
    digest: str


@dataclass(frozen=True)
class LockedTune:
    micro_batch: int
    grad_checkpoint: bool
    reason: str = ""
    paths_taken: dict[str, str] = field(default_factory=dict)  # fast path → "on" or "off: …", as planned
    pins: dict[str, str] = field(default_factory=dict)  # the same as measured on this model: they hold from then on


@dataclass(frozen=True)
class Lock:
    """Everything by the ids of the spec."""

    models: dict[str, LockedModel] = field(default_factory=dict)
    datasets: dict[str, LockedDataset] = field(default_factory=dict)
    tunes: dict[str, LockedTune] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One place where the lock and this machine disagree. None is: not there."""

    name: str  # "models.qwen.digest"
    locked: str | None
    found: str | None

    def __str__(self) -> str:
        return f"{self.name}: locked {self.locked or 'nothing'}, found {self.found or 'nothing'}"


_Row = LockedModel | LockedDataset | LockedTune
_ROWS: dict[str, type[_Row]] = {"models": LockedModel, "datasets": LockedDataset, "tunes": LockedTune}


def lock_path(spec_path: str) -> str:
    """`specs/demo.yaml` → `specs/demo.lock`."""
    return str(PurePosixPath(spec_path).with_suffix(".lock"))


def read_lock(path: Path) -> Lock | None:
    """The lock, or None where there is none.

    Raises:
        InvalidError: a merge conflict was left in it; it is not a lock, or one of a later version.
        IntegrityError: it is not JSON.
    """
    if not path.exists():
        return None
    value = _value(path)
    if not isinstance(value, dict) or value.get("lorarun_lock") != FORMAT:
        raise InvalidError(
            f"`{path}` is not a lock of version {FORMAT}",
            help="use the version of lorarun that wrote it, or delete it and run `lorarun lock`",
        )
    found = {f.name: value.get(f.name, {}) for f in fields(Lock)}
    rows = {name: _filled(kind, found[name]) for name, kind in _ROWS.items()}
    try:
        lock = build(Lock, {**found, **rows})
        if no := next((name for name, row in lock.tunes.items() if row.micro_batch < 1), None):
            raise ShapeError(f"tunes[{no[:60]!r}].micro_batch", "is less than 1")
    except ShapeError as error:
        raise InvalidError(f"`{path}`: {error}", help="delete the lock and run `lorarun lock`") from error
    return lock


def _filled(kind: type[_Row], section: Any) -> Any:
    """Rows with the defaults of the fields that the lorarun that wrote them did not know."""
    defaults = {f.name: f.default for f in fields(kind) if f.default is not MISSING}
    defaults |= {f.name: f.default_factory() for f in fields(kind) if f.default_factory is not MISSING}
    if not isinstance(section, dict):
        return section
    return {name: {**defaults, **row} if isinstance(row, dict) else row for name, row in section.items()}


def _value(path: Path) -> Any:
    here = Path.cwd()
    shown = (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()
    text = read_text(path, max_bytes=MAX_BYTES)
    conflict = conflict_in(Source.of(shown, text), help="take one side, or delete the file and run `lorarun lock`")
    if conflict:
        raise InvalidError.of([conflict])
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        help_text = "take it from git, or delete it and run `lorarun lock`"
        raise IntegrityError(f"`{shown}` is not valid JSON: {error}", help=help_text) from error


def write_lock(path: Path, lock: Lock) -> None:
    """Write the lock durably, as sorted JSON that diffs well."""
    write_json(path, {"lorarun_lock": FORMAT, **plain(lock)})


def pinned_commit(model: ModelSpec, locked: Lock | None) -> str:
    """The commit that the lock holds for a model, as long as the spec still names that path and revision; else ""."""
    row = locked.models.get(model.id) if locked else None
    return row.commit if row and (row.path, row.revision) == (model.path, model.revision) else ""


def compare(locked: Lock, found: Lock) -> tuple[Difference, ...]:
    """Where `found` is not what was locked, sorted by name. What either side does not know is no difference."""
    old, new = _flat(plain(locked)), _flat(plain(found))
    return tuple(
        Difference(name, old.get(name), new.get(name))
        for name in sorted(old | new)
        if _meaning(name, old) != _meaning(name, new)
        and "" not in (old.get(name), new.get(name))
        and not name.endswith(".reason")
    )


def _meaning(name: str, values: dict[str, str]) -> str | None:
    """What counts of a value: of a fast path that it is on or off, not why."""
    value = values.get(name)
    is_path = ".paths_taken." in name or ".pins." in name
    return value.partition(":")[0] if value is not None and is_path else value


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(value, dict):
        return {k: v for name, item in value.items() for k, v in _flat(item, f"{prefix}.{name}".strip(".")).items()}
    return {prefix: str(value)}
