"""What may be removed: outputs that neither a record nor the newest run refers to, and what killed writers left.

`ssot/` is only read here, but for unfinished temporary files, which were never part of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runner import files
from runner.errors import IntegrityError
from runner.store import ssot
from runner.store.artifacts import QUARANTINE, REPLAY, WORK, Artifacts

FEATURES = Path("artifacts") / ".vision"  # of images, one folder a vision tower
ENTERED = Path("artifacts") / ".entered"  # what frozen lower layers gave for a tuning's rows, one folder a model


@dataclass(frozen=True)
class Removal:
    """One file or folder that may go."""

    path: Path
    size_bytes: int
    reason: str


def removable(root: Path, *, unfinished: bool = False) -> tuple[Removal, ...]:
    """What may go, nothing of it removed.

    With `unfinished`, also what only saves work: the state that interrupted steps would resume from, and what is kept
    of vision towers and frozen layers.

    Raises:
        IntegrityError: `ssot/` is damaged, so that nobody knows what it refers to.
    """
    artifacts = Artifacts(root)
    kept = referred(root) | {manifest.key for manifest in artifacts.last_of().values()}
    found = [
        _removal(artifacts.place(key), f"`{manifest.step}` has newer outputs, and no record refers to these")
        for key, manifest in sorted(artifacts.manifests().items())
        if key not in kept and key not in artifacts.broken
    ]
    found += [_removal(p, "set aside") for p in _entries(artifacts.folder / QUARANTINE) if p.name[:64] not in kept]
    found += [_removal(p, "made by a replay") for p in _entries(artifacts.folder / REPLAY)]
    if unfinished:
        found += [_removal(p, "an unfinished step") for p in _entries(artifacts.folder / WORK)]
        found += [_removal(p, "features of images, which can be computed again") for p in _entries(root / FEATURES)]
        again = "the output of frozen layers, which can be computed again"
        found += [_removal(p, again) for p in _entries(root / ENTERED)]
    for folder in (root / ssot.RECORDS, root / ssot.EVIDENCE, artifacts.folder):
        found += [_removal(p, "left by a writer that was killed") for p in _entries(folder) if files.is_temporary(p)]
    return tuple(found)


def referred(root: Path) -> set[str]:
    """Keys of steps that records name."""
    return {step.key for one in ssot.records(root) for step in one.record.steps}


def remove(root: Path, removals: Iterable[Removal]) -> int:
    """Remove them and give the bytes that were freed.

    Raises:
        IntegrityError: one lies outside of the project's artifacts, or a record came to refer to it meanwhile.
    """
    freed, kept = 0, referred(root)
    for one in removals:
        inside = one.path.parent.resolve().is_relative_to(root.resolve())
        if not inside or (one.path.name in kept):
            raise IntegrityError(f"`{one.path}` may not be removed")
        if one.path.is_dir() and not one.path.is_symlink():
            shutil.rmtree(one.path)
        else:
            one.path.unlink(missing_ok=True)
        freed += one.size_bytes
    return freed


def _removal(path: Path, reason: str) -> Removal:
    inner = [path] if not path.is_dir() or path.is_symlink() else [p for p in path.rglob("*") if not p.is_dir()]
    return Removal(path, sum(p.lstat().st_size for p in inner), reason)


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
