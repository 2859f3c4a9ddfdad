"""Which specs there are, in the checkout and on a base: below `specs/`, and wherever a record says that one lies."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from runner.errors import InvalidError
from runner.files import is_debris, is_regular
from runner.record.model import Record
from runner.spec.load import load_spec, read_spec
from runner.spec.model import Spec
from runner.spec.source import Source
from runner.store.find import SPEC_ENDINGS
from runner.store.ssot import RECORDS, Stored
from runner.verify.git import Base

SPECS = "specs"


def specs_here(root: Path, stored: Iterable[Stored]) -> tuple[str, ...]:
    """Files of the checkout that may be specs, sorted; links are followed by nobody."""
    below = (p for p in (root / SPECS).rglob("*") if p.suffix in SPEC_ENDINGS and not is_debris(p))
    found = {p.relative_to(root).as_posix() for p in below}
    found |= _recorded(one.record for one in stored)
    return tuple(sorted(path for path in found if is_regular(root / path, root=root)))


def campaigns_here(root: Path, stored: Iterable[Stored]) -> dict[str, str]:
    """path → campaign of the checkout's files that are specs."""
    found = {}
    for path in specs_here(root, stored):
        try:
            found[path] = load_spec(root / path, root).metadata.name
        except InvalidError:  # a part that others include, or said where it is checked
            continue
    return found


@dataclass(frozen=True)
class Gone:
    """A spec with records on the base that the checkout has no more."""

    path: str
    campaign: str
    spec: Spec | None  # as the base has it; None where it cannot be read


def gone_since(root: Path, base: Base, stored: Iterable[Stored]) -> tuple[Gone, ...]:
    """The recorded specs of the base whose file is gone, or a link now, and whose campaign has no other file here."""
    known = tuple(stored)
    runs = _runs_on(base, known)
    found, here = [], set(campaigns_here(root, known).values())
    for path in _paths_on(base, runs):
        if is_regular(root / path, root=root):
            continue
        try:
            spec = read_on(base, path)
        except InvalidError:
            found += [Gone(path, run.campaign, None) for run in runs if run.spec_path == path][-1:]
            continue
        is_gated = spec and any(run.spec_path == path or run.campaign == spec.metadata.name for run in runs)
        if spec and is_gated and spec.metadata.name not in here:
            found.append(Gone(path, spec.metadata.name, spec))
    return tuple(found)


def record_ids(base: Base) -> set[str]:
    """The ids of the records that are on the base."""
    return {PurePosixPath(e.path).stem for e in base.entries(RECORDS)}


def read_on(base: Base, path: str) -> Spec | None:
    """The spec at a path of the base, with the files of the base that it includes; None where there is none.

    Raises:
        InvalidError: it cannot be read.
    """
    text = base.text(path)
    return None if text is None else read_spec(Source.of(path, text), read=base.included)


def named_on(base: Base, name: str, stored: Iterable[Stored]) -> list[Spec]:
    """The specs of the campaign `name` on the base.

    Raises:
        InvalidError: there is none that can be read, and one that cannot be has the campaign's name in it.
    """
    found, broken = [], None
    for path in _paths_on(base, _runs_on(base, stored)):
        try:
            spec = read_on(base, path)
        except InvalidError as error:
            broken = error if _says(base, path, name) else broken
            continue
        if spec and spec.metadata.name == name:
            found.append(spec)
    if broken and not found:
        raise broken
    return found


def _runs_on(base: Base, stored: Iterable[Stored]) -> tuple[Record, ...]:
    there = record_ids(base)
    return tuple(one.record for one in stored if one.id in there and one.record.kind == "campaign")


def _paths_on(base: Base, runs: Iterable[Record]) -> tuple[str, ...]:
    below = {entry.path for entry in base.entries(SPECS) if entry.path.endswith(SPEC_ENDINGS)}
    return tuple(sorted(below | _recorded(runs)))


def _recorded(records: Iterable[Record]) -> set[str]:
    return {record.spec_path for record in records if _is_inside(record.spec_path)}


def _is_inside(path: str) -> bool:
    """Whether a record's word for a spec can be one: an own path that no command takes for an option."""
    plain = bool(path) and path.isprintable() and path == posixpath.normpath(path) and path.endswith(SPEC_ENDINGS)
    return plain and not path.startswith(("/", "../", "-"))


def _says(base: Base, path: str, name: str) -> bool:
    """Whether a text that is no spec says `name: NAME`. What is no text says nothing."""
    try:
        text = base.text(path) or ""
    except InvalidError:
        return False
    return re.search(rf"\bname: *[\"']?{re.escape(name)}(?![\w-])", text) is not None
