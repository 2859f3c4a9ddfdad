"""What a recorded run left on this machine: its spec, its adapters and its models, each compared with the record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.errors import IntegrityError, InvalidError
from runner.models.digest import digest_checkpoint
from runner.models.locate import locate_checkpoint
from runner.models.lock import lock_path, pinned_commit, read_lock
from runner.plan.names import select_id, tune_id
from runner.record.model import StepRecord
from runner.spec.model import Spec
from runner.spec.rebuild import spec_of
from runner.store import ssot
from runner.store.artifacts import Artifacts
from runner.store.find import find_run
from runner.store.ssot import Stored


@dataclass(frozen=True)
class FinishedRun:
    """One record of a run, with what it tuned."""

    root: Path
    stored: Stored
    spec: Spec

    def adapter(self, tune: str) -> Path:
        """The folder of a tune's adapter, every file of it compared with its digest and with the record.

        Raises:
            InvalidError: the run made none, or it is not on this machine any more.
            IntegrityError: it is not what was recorded.
        """
        step = self._step(tune)
        artifacts = Artifacts(self.root)
        if step.key not in artifacts.manifests():
            raise InvalidError(
                f"the adapter of `{tune}` is not on this machine (artifacts/{step.id}/{step.key[:12]}…)",
                help=f"`lorarun apply {self.spec.path}` makes it again",
            )
        manifest = artifacts.verify(step.key)
        made = {name: output.content for name, output in manifest.outputs.items()}
        if made != step.outputs:
            raise IntegrityError(f"the adapter of `{tune}` is not the one of record {self.stored.id[:12]}")
        return artifacts.place(step.key)

    def _step(self, tune: str) -> StepRecord:
        wanted = select_id(tune) if tune in self.spec.sweeps else tune_id(tune)
        found = [s for s in self.stored.record.steps if s.id == wanted and s.outputs]
        if not found:
            raise InvalidError(f"record {self.stored.id[:12]} has no adapter of `{tune}`: the run did not get there")
        return found[0]

    def checkpoint(self, model: str) -> Path:
        """The folder of a base model, which has to be the one that was tuned.

        Raises:
            InvalidError: it is not on this machine, or is another one.
        """
        spec = self.spec.models[model]
        commit = pinned_commit(spec, read_lock(self.root / lock_path(self.spec.path)))
        folder = locate_checkpoint(spec, self.root, commit=commit).folder
        recorded = self.stored.record.models[model]["digest"]
        if digest_checkpoint(folder, root=self.root) != recorded:
            message = f"model `{model}` in `{folder}` is not the one that was tuned ({recorded[:19]}…)"
            raise InvalidError(message, help=f"`lorarun apply {self.spec.path}` tunes on what is there")
        return folder


def finished_run(root: Path, name: str = "") -> FinishedRun:
    """The run that `name` stands for, see `store.find`.

    Raises:
        NothingToCheckError, UsageError, InvalidError: as `find_run`.
        IntegrityError: the store is damaged.
    """
    stored = find_run(root, name, ssot.records(root))
    return FinishedRun(root, stored, spec_of(stored.record.spec, stored.record.spec_path))
