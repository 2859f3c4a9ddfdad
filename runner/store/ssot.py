"""The single source of truth on disk: `ssot/records/<id>.json` and `ssot/evidence/<sha256>.jsonl.gz`.

Files are named by their content and only ever added, so two branches merge without a conflict. There is no head
file: the newest records are those that no other names as parent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import heapq
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import files
from runner.canonical import PREFIX
from runner.errors import IntegrityError, InvalidError, LorarunError, NewerSchemaError, some
from runner.plan.rehearsal import KIND as REHEARSAL
from runner.record import codec, evidence
from runner.record.model import Record

RECORDS = "ssot/records"
EVIDENCE = "ssot/evidence"
_RECORD_NAME = re.compile(r"[0-9a-f]{32}\.json")
_EVIDENCE_NAME = re.compile(r"[0-9a-f]{64}\.jsonl\.gz")
_KEPT = {".gitkeep", ".gitattributes", ".gitignore"}


@dataclass(frozen=True)
class Stored:
    """A record with its id, which is its file's name."""

    id: str
    record: Record


@dataclass(frozen=True)
class Problem:
    """Something in ssot/ that is not what it should be. `newer` marks a schema that this version does not know."""

    path: str  # relative to the project's root
    message: str
    newer: bool = False
    help: str = ""


@dataclass(frozen=True)
class Contents:
    """All of ssot/records: what can be read, oldest first, and what cannot."""

    stored: tuple[Stored, ...]
    problems: tuple[Problem, ...]


def record_path(root: Path, record_id: str) -> Path:
    """Where a record lies."""
    return root / RECORDS / f"{record_id}.json"


def evidence_path(root: Path, digest: str) -> Path:
    """Where the evidence of a digest lies."""
    return root / EVIDENCE / f"{digest.removeprefix(PREFIX)}.jsonl.gz"


def append(
    root: Path, record: Record, rows: Iterable[Mapping[str, Any]], observed: Iterable[Mapping[str, Any]] = ()
) -> str:
    """Store a record and its evidence durably and return its id. Its parents become the store's newest records.

    `observed` are the rows of what was seen of the machine, where the record names any.
    A record of what the newest one is of already (see `recorded`) is not stored again: that one's id comes back.

    Raises:
        IntegrityError: the store is damaged; nothing is added to a damaged store.
        ResourceError: the disk is full; no file exists under its final name, or only evidence does.
        ValueError: the rows do not have the digest that the record names.
    """
    stored = records(root)
    known = recorded(stored, record)
    if known:
        return known.id
    collected = [evidence.collect(rows)]
    if record.observed:
        collected.append(evidence.collect(observed, evidence.OBSERVED))
    for found, named in zip(collected, _digests(record), strict=True):
        if found.digest != named:
            raise ValueError(f"evidence has the digest {found.digest}, the record names {named}")
    final = dataclasses.replace(record, parents=heads(stored))
    data = codec.to_json(final)
    codec.from_json(data)
    for found in collected:
        _add_evidence(root, found)
    name = codec.id_of(data)
    files.add_bytes(record_path(root, name), data)
    return name


def recorded(stored: Iterable[Stored], record: Record) -> Stored | None:
    """The newest record of the campaign, where it is about all that `record` is about.

    An older one does not count: who goes back to an earlier setting says that the campaign is this again.
    """
    newest = _newest(stored, record.campaign, record.kind)
    return newest if newest and _about(newest.record) == _about(record) else None


def _about(record: Record) -> tuple[object, ...]:
    """The run, and what a check compares with the checkout though a run may come to the same without it."""
    versions = {s.id: s.components.get("implementation") for s in record.steps if s.outputs and s.kind != REHEARSAL}
    inputs = [{name: _digest_in(e) for name, e in part.items()} for part in (record.data, record.models)]
    return record.run_id, record.spec_path, record.evidence_mode, bool(record.older_id), inputs, versions


def _digest_in(entry: Any) -> Any:
    return entry.get("digest") if isinstance(entry, dict) else None


def _newest(stored: Iterable[Stored], campaign: str, kind: str) -> Stored | None:
    found = [s for s in stored if (s.record.campaign, s.record.kind) == (campaign, kind)]
    return found[-1] if found else None


def _add_evidence(root: Path, collected: evidence.Evidence) -> None:
    path = evidence_path(root, collected.digest)
    if path.is_symlink() or path.exists():
        evidence.verified(files.read_bytes(path, max_bytes=evidence.MAX_FILE_BYTES, root=root), collected.digest)
        return
    files.add_bytes(path, evidence.compress(collected.text))


def records(root: Path) -> tuple[Stored, ...]:
    """All records by creation time, parents before children; ties by id.

    Raises:
        IntegrityError: a file is damaged or foreign, or a parent is missing.
        InvalidError: a record was written by a newer version of lorarun.
    """
    contents = scan(root)
    if contents.problems:
        lines = [f"{p.path}: {p.message}" for p in contents.problems]
        kind = InvalidError if all(p.newer for p in contents.problems) else IntegrityError
        raise kind(some(lines, shown=5))
    return contents.stored


def heads(stored: Iterable[Stored]) -> tuple[str, ...]:
    """Ids of the records that no other record names as parent, sorted."""
    known = tuple(stored)
    named = {parent for one in known for parent in one.record.parents}
    return tuple(sorted(one.id for one in known if one.id not in named))


def read_evidence(root: Path, record: Record) -> tuple[evidence.Row, ...]:
    """The evidence rows of a record, and after them those of what was seen of the machine; all verified.

    Raises:
        IntegrityError: missing, damaged, or not of the digests that the record names.
    """
    rows: list[evidence.Row] = []
    for digest, kinds in zip(_digests(record), (evidence.ANSWERS, evidence.OBSERVED), strict=False):
        rows += evidence.decode(_read_evidence(root, digest), digest, kinds=kinds)
    return tuple(rows)


def files_of(one: Stored) -> tuple[str, ...]:
    """Every file that belongs to a record, relative to the project's root: what git must have for it to be proven."""
    paths = (record_path(Path(), one.id), *(evidence_path(Path(), digest) for digest in _digests(one.record)))
    return tuple(path.as_posix() for path in paths)


def _digests(record: Record) -> tuple[str, ...]:
    """What a record names of files beside it: its evidence, and what was seen of the machine if anything was."""
    return (record.evidence, record.observed) if record.observed else (record.evidence,)


def _read_evidence(root: Path, digest: str, *, folder_checked: bool = False) -> bytes:
    path = evidence_path(root, digest)
    try:
        return files.read_bytes(path, max_bytes=evidence.MAX_FILE_BYTES, root=None if folder_checked else root)
    except InvalidError as error:
        said = error.message.replace(str(path), evidence_path(Path(), digest).as_posix())
        raise IntegrityError(said, help="the evidence belongs to the record: add it to git with it") from error


def scan(root: Path) -> Contents:
    """Read all records; damage is named, not raised. Only reads."""
    with _no_collection():
        return _scan(root)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Reading makes no cycles, and the collector would look at all records again and again: quadratic time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _scan(root: Path) -> Contents:
    found: dict[str, Stored] = {}
    problems: list[Problem] = []
    for path in _entries(root, RECORDS, problems):
        shown = f"{RECORDS}/{path.name}"
        if not _RECORD_NAME.fullmatch(path.name):
            problems.append(Problem(shown, "is not a record's file; it does not belong here"))
            continue
        try:
            found[path.stem] = Stored(path.stem, _read_record(path))
        except LorarunError as error:
            problems.append(Problem(shown, _said(error, path), isinstance(error, NewerSchemaError), error.help))
    for one in found.values():
        shown = f"{RECORDS}/{one.id}.json"
        problems += [Problem(shown, f"parent `{p}` is missing") for p in one.record.parents if p not in found]
    return Contents(_ordered(found), tuple(problems))


def evidence_problems(root: Path, stored: Iterable[Stored]) -> tuple[Problem, ...]:
    """What is wrong in ssot/evidence: missing, damaged and foreign files."""
    problems: list[Problem] = []
    wanted = {digest: one for one in stored for digest in _digests(one.record)}
    for path in _entries(root, EVIDENCE, problems):
        if not _EVIDENCE_NAME.fullmatch(path.name):
            problems.append(Problem(f"{EVIDENCE}/{path.name}", "is not an evidence file; it does not belong here"))
    for digest, one in wanted.items():
        try:
            evidence.verified(_read_evidence(root, digest, folder_checked=True), digest)
        except LorarunError as error:
            shown = evidence_path(Path(), digest).as_posix()
            problems.append(Problem(shown, f"{_said(error, shown)} (record {one.id[:12]})", help=error.help))
    return tuple(problems)


def _said(error: LorarunError, place: Path | str) -> str:
    """What an error says of `place`, which a problem names by itself."""
    return error.message.removeprefix(f"`{place}`").lstrip(": ")


def _entries(root: Path, folder: str, problems: list[Problem]) -> list[Path]:
    """The files of a folder, by name; a folder that is a link is a problem, and nothing in it is looked at."""
    if not os.path.lexists(root / folder):
        return []
    try:
        files.check_folder(root / folder, root=root)
    except InvalidError as error:
        problems.append(Problem(folder, _said(error, root / folder)))
        return []
    # A writer that was killed leaves a hidden temporary file; it was never part of the store.
    found = (p for p in (root / folder).iterdir() if p.name not in _KEPT)
    return sorted(p for p in found if not files.is_temporary(p) and not files.is_debris(p))


def _read_record(path: Path) -> Record:
    data = files.read_bytes(path, max_bytes=codec.MAX_RECORD_BYTES)
    if codec.id_of(data) != path.stem:
        raise IntegrityError("its content does not have the digest that its name says: it was changed")
    return codec.from_json(data)


def _ordered(found: Mapping[str, Stored]) -> tuple[Stored, ...]:
    """By creation time, then id; parents before children, whatever their clocks said."""
    waiting = {i: {p for p in s.record.parents if p in found} for i, s in found.items()}
    children: dict[str, list[str]] = {i: [] for i in found}
    for name, parents in waiting.items():
        for parent in parents:
            children[parent].append(name)
    ordered: list[Stored] = []
    ready = [(found[i].record.created, i) for i, parents in waiting.items() if not parents]
    heapq.heapify(ready)
    while ready:
        _, name = heapq.heappop(ready)
        ordered.append(found[name])
        for child in children[name]:
            waiting[child].discard(name)
            if not waiting[child]:
                heapq.heappush(ready, (found[child].record.created, child))
    return tuple(ordered)
