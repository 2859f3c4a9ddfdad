"""Whether data and models are still what they were when a run began.

Asked before a step's outputs are kept, since they would lie under a key made of the old digests, and again before
the record is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runner.canonical import short
from runner.errors import IntegrityError, InvalidError
from runner.machine.file_digests import FileDigests
from runner.models.digest import digest_checkpoint
from runner.run.survey import Survey
from runner.spec.model import Spec
from runner.store.sources import digest_dataset


def check_unchanged(spec: Spec, root: Path, surveyed: Survey, names: Iterable[str] | None = None) -> None:
    """Compare sources ("dataset/images", "checkpoint/qwen"; all by default) with the digests that the run began with.

    Raises:
        IntegrityError: one was changed meanwhile.
    """
    changed = []
    for name in sorted(surveyed.known.sources if names is None else names):
        before = surveyed.known.sources[name]
        try:
            now = _digest(spec, root, surveyed, name)
        except InvalidError as error:
            changed.append(f"{name}: {error.message}")
            continue
        if now != before:
            changed.append(f"{name} ({short(before)} → {short(now)})")
    if changed:
        raise IntegrityError(
            f"changed while the campaign ran: {'; '.join(changed)}",
            help="nothing of it was kept; run it again, and only the steps that read them run",
        )


def _digest(spec: Spec, root: Path, surveyed: Survey, name: str) -> str:
    kind, _, which = name.partition("/")
    if kind == "checkpoint":
        return digest_checkpoint(surveyed.places[name], root=root)
    return digest_dataset(spec.datasets[which], root, FileDigests(root))
