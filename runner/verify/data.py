"""The data sets of a record that are in the checkout, read and checked again as its run read and checked them.

It needs no model: what `prepare` wrote and what it found are made anew and compared, and so are rows that the judged
data shares with what was learned from, and answers without a model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from runner.canonical import PREFIX, plain
from runner.errors import InvalidError
from runner.machine.file_digests import FileDigests
from runner.plan.keys import IMPLEMENTATION
from runner.plan.kinds import KINDS
from runner.plan.params import prepare_params
from runner.record.model import Record, StepRecord
from runner.samples.prepare import Prepared, prepare
from runner.spec.model import Spec
from runner.steps.prepare import outputs
from runner.store.sources import digest_dataset
from runner.verify.model import Finding, failed, mapping, ok

PREPARE = "prepare"
BESIDE = ("lengths", "overlap_elsewhere")  # parts of a data set's report that other steps found


@dataclass(frozen=True)
class Here:
    """The data sets that are here as they were recorded, by name."""

    prepared: Mapping[str, Prepared]
    findings: tuple[Finding, ...]


def prepared_here(root: Path, record: Record, spec: Spec) -> Here:
    """Read every data set that is here as it was recorded; what is not here is said elsewhere."""
    prepared: dict[str, Prepared] = {}
    findings: list[Finding] = []
    for name in spec.datasets:
        if not _is_here(root, record, spec, name):
            continue
        try:
            prepared[name] = prepare(spec.datasets[name], root)
        except InvalidError as error:
            said = f"data set `{name}` cannot be prepared here: {error.message}"
            findings.append(Finding("samples", "unchecked", said))
    return Here(prepared, tuple(findings))


def _is_here(root: Path, record: Record, spec: Spec, name: str) -> bool:
    entry = record.data.get(name)
    try:
        found = digest_dataset(spec.datasets[name], root, FileDigests())
    except InvalidError:
        return False
    return isinstance(entry, dict) and entry.get("digest") == found


def orders(spec: Spec, here: Here) -> dict[str, dict[str, int]]:
    """evaluation → sample → its place in the data set, where that is here."""
    return {
        e.id: {s.id: i for i, s in enumerate(here.prepared[e.dataset].samples.get(e.split, ()))}
        for e in spec.evaluations.values()
        if e.dataset in here.prepared
    }


def compare_data(record: Record, spec: Spec, here: Here) -> Iterator[Finding]:
    """What `prepare` wrote and found of each data set that is here."""
    steps = {s.id: s for s in record.steps}
    for name, prepared in here.prepared.items():
        step = steps.get(f"{PREPARE}/{name}")
        if step is None or not step.components:
            continue
        if step.components.get("implementation") != IMPLEMENTATION[PREPARE]:
            said = f"`{step.id}` was made with another version of its code, so it was not made again"
            yield Finding("data", "unchecked", said, by_version=True)
            continue
        if another := _other_package(step, prepared):
            yield Finding("data", "unchecked", f"`{step.id}` was made with {another}, so it was not made again")
            continue
        wrong = [*_files(step, prepared, spec, name), *_checks(record, prepared, name)]
        if wrong:
            yield failed("data", f"data set `{name}` gives something else than recorded: {'; '.join(wrong[:3])}")
        else:
            yield ok("data", f"data set `{name}` was prepared and checked again, with the recorded findings")


def _other_package(step: StepRecord, prepared: Prepared) -> str:
    """The package that is another one here, "" for none. They read images: where there are none, none matters."""
    if not any(sample.images for samples in prepared.samples.values() for sample in samples):
        return ""
    recorded = mapping(step.components.get("environment"))
    for package in KINDS[PREPARE].environment or ():
        if recorded.get(package) != _installed(package):
            return f"{package} {str(recorded.get(package))[:40]}"
    return ""


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _files(step: StepRecord, prepared: Prepared, spec: Spec, name: str) -> Iterator[str]:
    columns = frozenset(prepare_params(spec, spec.datasets[name])["columns"])
    made = {file: _digest(blocks) for file, blocks in outputs(prepared, columns)}
    for file in sorted(made.keys() | step.outputs.keys()):
        if made.get(file) != step.outputs.get(file):
            yield f"`{str(file)[:60]}` is not what `{step.id}` wrote"


def _digest(blocks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return PREFIX + digest.hexdigest()


def _checks(record: Record, prepared: Prepared, name: str) -> Iterator[str]:
    entry = mapping(record.data.get(name)).get("checks")
    recorded: dict[str, Any] = entry if isinstance(entry, dict) else {}
    stated = {k: v for k, v in mapping(recorded.get("report")).items() if k not in BESIDE}
    if stated != _as_read(prepared.report):
        yield "its report is another"
    missing = [f for f in _as_read([plain(f) for f in prepared.findings]) if f not in _items(recorded.get("findings"))]
    if missing:
        yield f"the finding {missing[0]['code']} ({str(missing[0]['message'])[:80]}) is left out"


def _as_read(value: Any) -> Any:
    """A value as it comes back from JSON."""
    return json.loads(json.dumps(value))


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
