"""Whether a record is about what the checkout holds: recipe, policy, data, models. Only reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.canonical import short
from runner.errors import InvalidError, LorarunError, some
from runner.machine.file_digests import FileDigests
from runner.models.digest import digest_checkpoint
from runner.models.lock import Lock, lock_path, read_lock
from runner.plan.digests import policy_digest, recipe_digest
from runner.record.model import Record
from runner.spec.load import load_recorded
from runner.spec.model import Spec
from runner.store.sources import digest_dataset, leads_out
from runner.verify.model import Finding, cut, digest_in, ok


def compare_checkout(root: Path, record: Record, path: str) -> tuple[Finding, ...]:
    """Findings on the spec at `path` of the checkout, which the record has to be about, and on its data and models."""
    try:
        spec = load_recorded(path, root)
    except InvalidError as error:
        return (Finding("recipe", "stale", f"`{cut(path)}` cannot be read: {_said(error)}"),)
    try:
        lock = read_lock(root / lock_path(path))
    except InvalidError as error:
        return (Finding("lock", "stale", f"`{lock_path(path)}` cannot be read: {_said(error)}"),)
    except LorarunError as error:
        return (Finding("lock", "failed", error.message),)
    return (
        *_digests(record, spec),
        *_evidence(record, spec),
        *_data(root, record, spec, lock),
        *_models(root, record, spec, lock),
    )


def _said(error: InvalidError) -> str:
    """What is wrong, in one line."""
    return some([f"{d.message} (line {d.line})" for d in error.diagnostics], shown=3) or error.message


def _digests(record: Record, spec: Spec) -> Iterator[Finding]:
    for name, recorded, now in (
        ("recipe", record.recipe_digest, recipe_digest(spec)),
        ("policy", record.policy_digest, policy_digest(spec)),
    ):
        if recorded == now:
            yield ok(name, f"the {name} is that of `{spec.path}` ({short(now)})")
        else:
            what = f"`{spec.path}` has another {name} ({short(now)}) than the record ({short(recorded)})"
            yield Finding(name, "stale", f"{what}: run `lorarun apply {spec.path}`")


def _evidence(record: Record, spec: Spec) -> Iterator[Finding]:
    """Evidence without texts proves less: it holds only where the checkout's spec asks for that."""
    if record.evidence_mode == "digests" and spec.evidence == "full":
        said = f"the record keeps digests of texts, and `{spec.path}` asks for texts: run `lorarun apply {spec.path}`"
        yield Finding("evidence", "stale", said)


def _data(root: Path, record: Record, spec: Spec, lock: Lock | None) -> Iterator[Finding]:
    digests = FileDigests()  # nothing is kept, so that a check writes nothing
    for name in sorted(record.data.keys() | spec.datasets.keys()):
        recorded = digest_in(record.data.get(name))
        dataset = spec.datasets.get(name)
        if recorded is None or dataset is None:
            yield Finding("data", "stale", f"data set `{name}` has no digest, or is not in the spec")
            continue
        if leads_out(dataset, root):
            yield Finding("data", "stale", f"data set `{name}` leads out of the project, where nothing is looked at")
            continue
        try:
            found = digest_dataset(dataset, root, digests)
        except InvalidError:
            locked = lock.datasets.get(name) if lock else None
            yield _by_lock("data", f"data set `{name}`", recorded, locked.digest if locked else "")
            continue
        yield _compared("data", f"data set `{name}`", recorded, found)
        locked = lock.datasets.get(name) if lock else None
        yield from _locked_otherwise(f"data set `{name}`", recorded, locked.digest if locked else "")


def _models(root: Path, record: Record, spec: Spec, lock: Lock | None) -> Iterator[Finding]:
    for name in sorted(record.models.keys() | spec.models.keys()):
        recorded = digest_in(record.models.get(name))
        model = spec.models.get(name)
        if recorded is None or model is None:
            yield Finding("models", "stale", f"model `{name}` has no digest, or is not in the spec")
            continue
        folder, locked = root / model.path, lock.models.get(name) if lock else None
        if folder.is_dir() and folder.resolve().is_relative_to(root.resolve()):
            yield _compared("models", f"model `{name}`", recorded, digest_checkpoint(folder))
            yield from _locked_otherwise(f"model `{name}`", recorded, locked.digest if locked else "")
            continue
        yield _by_lock("models", f"model `{name}`", recorded, locked.digest if locked else "")


def _compared(name: str, what: str, recorded: str, found: str) -> Finding:
    if recorded == found:
        return ok(name, f"{what} is what was recorded ({short(found)})")
    return Finding(name, "stale", f"{what} has changed since ({short(recorded)} → {short(found)})")


def _by_lock(name: str, what: str, recorded: str, locked: str) -> Finding:
    if not locked:
        return Finding(name, "unchecked", f"{what} is not in the checkout, and no lock pins it")
    if locked == recorded:
        return Finding(name, "unchecked", f"{what} is not in the checkout; the lock names the recorded digest")
    return Finding(name, "stale", f"{what} is locked to {short(locked)}, the record is of {short(recorded)}")


def _locked_otherwise(what: str, recorded: str, locked: str) -> Iterator[Finding]:
    """A lock that names another digest than the record, though what is in the checkout may be what was recorded."""
    if locked and locked != recorded:
        yield Finding("lock", "stale", f"{what} is locked to {short(locked)}, the record is of {short(recorded)}")
