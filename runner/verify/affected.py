"""Which specs of the checkout a change concerns: what a gate has to check. Only reads, and in doubt names more.

A changed path concerns the specs that it is, or that include it, lock it, read it as data or model, or are recorded
in it. A path that belongs to no spec and is no document concerns every spec that has a record.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from runner.canonical import PREFIX
from runner.errors import InvalidError, LorarunError
from runner.files import read_text
from runner.models.lock import lock_path
from runner.spec.load import load_spec
from runner.spec.source import Source
from runner.spec.yaml_text import MAX_BYTES, parse
from runner.store.ssot import EVIDENCE, RECORDS, Contents, scan
from runner.verify.base import ungated
from runner.verify.git import Base
from runner.verify.specs import specs_here


@dataclass(frozen=True)
class Known:
    """One file that may be a spec. Paths are relative to the project's root."""

    path: str
    name: str  # of its campaign; "" where it has none
    includes: tuple[str, ...]
    inputs: tuple[str, ...] | None  # lock, data sets and models; None where the spec cannot be read


def affected(root: Path, base: Base | None) -> tuple[str, ...]:
    """The specs that a gate has to check, sorted: those that what changed from `base` to HEAD concerns.

    A spec that changed, or includes a file that did, needs no record to be named; one with records on the base that is
    gone is named unless a waiver there lets it go; data, models, locks and all else
    concern only specs with a record. Without a base, every spec with a record.

    Raises:
        UsageError: git cannot tell what changed.
        InvalidError: a spec's path holds a control character, so that no list of lines can name it.
    """
    contents = scan(root)
    known = tuple(_known(root, path) for path in specs_here(root, contents.stored))
    recorded = _recorded(known, contents)
    if base is None:
        found = set(recorded)
    else:
        fragments = {name for one in known for name in one.includes} - recorded
        found = set(_concerned(base.changed(), known, recorded, _stored(known, contents), fragments))
        found |= {gone.path for gone in ungated(root, base, contents.stored)}
    unsayable = next((path for path in sorted(found) if not path.isprintable()), None)
    if unsayable is not None:
        raise InvalidError(f"the path {unsayable[:200]!r} holds a control character", help="rename the file")
    return tuple(sorted(found))


def is_document(path: str) -> bool:
    """Whether a file that no spec reads is text for people."""
    return path.startswith("docs/") or path.endswith(".md") or PurePosixPath(path).name == "LICENSE"


def _concerned(
    changed: Iterable[str],
    known: tuple[Known, ...],
    recorded: set[str],
    stored: Mapping[str, set[str]],
    fragments: set[str],
) -> Iterator[str]:
    for path in changed:
        told = {one.path for one in known if path in one.includes}
        told |= {one.path for one in known if path == one.path} - fragments
        read = {one.path for one in known if one.inputs is not None and _is_under(path, one.inputs)}
        read |= stored.get(path, set())
        yield from told
        yield from read & recorded
        if not (told or read or is_document(path)):
            yield from recorded
        # What a spec reads that nobody can read is not known.
        yield from {one.path for one in known if one.inputs is None} & recorded


def _known(root: Path, path: str) -> Known:
    try:
        data = _data(root, path)
    except LorarunError:
        return Known(path, "", (), None)
    metadata, listed = data.get("metadata"), data.get("include")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    names = [n for n in (listed if isinstance(listed, list) else []) if isinstance(n, str) and n]
    includes = tuple(sorted({one for n in names for one in _both(root, n)}))
    return Known(path, name if isinstance(name, str) else "", includes, _inputs(root, path))


def _data(root: Path, path: str) -> dict[str, Any]:
    tree = parse(Source.of(path, read_text(root / path, max_bytes=MAX_BYTES, root=root))).tree
    return tree.data if tree is not None and isinstance(tree.data, dict) else {}


def _inputs(root: Path, path: str) -> tuple[str, ...] | None:
    try:
        spec = load_spec(root / path, root)
    except InvalidError:
        return None
    found = {lock_path(path)}
    folders = [one.path for one in spec.datasets.values()] + [one.path for one in spec.models.values()]
    for folder in folders:
        found |= _both(root, folder)
    return tuple(sorted(found))


def _both(root: Path, path: str) -> set[str]:
    """A path as it is written and as links lead it."""
    found = {posixpath.normpath(path)}
    try:
        found.add((root / path).resolve().relative_to(root.resolve()).as_posix())
    except (ValueError, OSError, RuntimeError):  # out of the project: said where the spec is checked
        pass
    return found


def _is_under(path: str, folders: Iterable[str]) -> bool:
    return any(folder in (".", path) or path.startswith(f"{folder}/") for folder in folders)


def _recorded(known: tuple[Known, ...], contents: Contents) -> set[str]:
    runs = [one.record for one in contents.stored if one.record.kind == "campaign"]
    paths, names = {run.spec_path for run in runs}, {run.campaign for run in runs}
    return {one.path for one in known if one.path in paths or (one.name and one.name in names)}


def _stored(known: tuple[Known, ...], contents: Contents) -> dict[str, set[str]]:
    """Files of the store, and the specs of the campaigns that they are about."""
    found: dict[str, set[str]] = {}
    for one in contents.stored:
        record = one.record
        about = {k.path for k in known if k.path == record.spec_path or (k.name and k.name == record.campaign)}
        digests = [d.removeprefix(PREFIX) for d in (record.evidence, record.observed) if d]
        for path in (f"{RECORDS}/{one.id}.json", *(f"{EVIDENCE}/{digest}.jsonl.gz" for digest in digests)):
            found.setdefault(path, set()).update(about)
    return found
