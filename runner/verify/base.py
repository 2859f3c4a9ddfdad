"""A record and its spec against a base commit: history only added to, no threshold lowered without a waiver."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from runner.canonical import short
from runner.errors import InvalidError, UsageError
from runner.plan.digests import policy_digest
from runner.record.attempts import earlier_attempts
from runner.record.model import Record
from runner.spec.load import load_spec, read_spec, shown_path
from runner.spec.model import Spec
from runner.spec.source import Source
from runner.store.ssot import RECORDS, Stored
from runner.verify.git import Base, base_of
from runner.verify.history import compare_history
from runner.verify.model import Finding, ok
from runner.verify.weaker import Weakening, weakenings

UNREADABLE = "spec"  # the place of a weakening that nobody could look at


def compare_base(root: Path, ref: str, record: Record, stored: Iterable[Stored]) -> tuple[Finding, ...]:
    """What has changed since `ref`, as findings.

    Raises:
        UsageError: `ref` is no commit.
    """
    base = base_of(root, ref)
    known = tuple(stored)
    looks = (*_attempts(base, record, known), *_test_data(base, record, known))
    return (*compare_history(root, base), *_policy(root, base, record, known), *looks)


def _attempts(base: Base, record: Record, stored: tuple[Stored, ...]) -> Iterator[Finding]:
    """Looks at the same test data that are on the base and that the record does not count."""
    there = record_ids(base)
    on_base = {one.id: one.record for one in stored if one.id in there}
    counted = earlier_attempts(on_base, record.recipe_digest, record.attempts)
    for data, ids in sorted(counted.items()):
        missing = set(ids) - set(record.attempts[data])
        recipes = {on_base[i].recipe_digest for i in missing} - _recipes(record.attempts[data], stored)
        if recipes:
            looks = f"{len(recipes)} earlier {'look' if len(recipes) == 1 else 'looks'}"
            said = f"{base.ref} holds {looks} at the same test data ({short(data)}) that the record does not count"
            yield Finding("attempts", "note", f"{said}: apply again on top of {base.ref} to have them counted")


def _test_data(base: Base, record: Record, stored: tuple[Stored, ...]) -> Iterator[Finding]:
    """Test data that the campaign's newest record on the base was not judged on, for instance under the same name."""
    there = record_ids(base)
    runs = [one for one in stored if one.id in there and one.record.kind == "campaign"]
    newest = next((one for one in reversed(runs) if one.record.campaign == record.campaign), None)
    other = sorted(record.attempts.keys() - newest.record.attempts.keys()) if newest else []
    if newest and other:
        said = f"judged on other test data ({', '.join(map(short, other))}) than {newest.id[:12]}"
        yield Finding("data", "note", f"{said}, the newest record on {base.ref}: look at how its rows differ")


def _recipes(ids: Iterable[str], stored: tuple[Stored, ...]) -> set[str]:
    wanted = set(ids)
    return {one.record.recipe_digest for one in stored if one.id in wanted}


def record_ids(base: Base) -> set[str]:
    """The ids of the records that are on the base."""
    return {PurePosixPath(e.path).stem for e in base.entries(RECORDS)}


def _policy(root: Path, base: Base, record: Record, stored: tuple[Stored, ...]) -> Iterator[Finding]:
    try:
        after = load_spec(root / record.spec_path, root)
    except InvalidError:
        return  # said by the comparison with the checkout
    found = lowered(base, after)
    if found is None:
        yield Finding("policy", "note", f"{base.ref} has no spec of the campaign `{after.metadata.name}`")
        return
    if not found:
        yield ok("policy", f"no threshold is weaker than on {base.ref}")
        return
    waiver = _waiver(base, after, stored, found)
    for one in found:
        if waiver:
            yield Finding("policy", "note", f"{one.place}: {one.message}; waived by {waiver.id[:12]}")
        else:
            yield Finding("policy", "weaker", f"{one.place}: {one.message} (weaker than on {base.ref})")


def lowered(base: Base, after: Spec) -> tuple[Weakening, ...] | None:
    """Where `after` is easier to pass than its spec on the base; None where the base has none.

    A spec that is on the base and cannot be read counts as a weakening: nobody can say that it is none.
    """
    name = after.metadata.name
    try:
        before = _read(base, after.path)
    except InvalidError as error:
        return (unreadable(after.path, base.ref, error),)
    found = [before] if before else []
    if before is None or before.metadata.name != name:  # it may have had another file
        try:
            found += _named(base, name, after.path)
        except InvalidError as error:
            return (unreadable(f"the spec of `{name}`", base.ref, error),)
    if not found:
        return None
    return tuple(dict.fromkeys(one for spec in found for one in weakenings(spec, after)))


def lowered_by(root: Path, path: Path, ref: str) -> tuple[Spec, tuple[Weakening, ...]]:
    """The spec at `ref` that would replace the one at `path` of the checkout, and where it is easier to pass.

    Raises:
        UsageError: `ref` is no commit, or has no such spec.
        InvalidError: there is no file at `path`, or the spec at `ref` cannot be read.
    """
    base, shown = base_of(root, ref), shown_path(path, root)
    before: Spec | None = None
    why: tuple[Weakening, ...] = ()
    try:
        before = load_spec(path, root)
    except InvalidError as error:
        if not path.is_file():
            raise
        why = (unreadable(shown, "this branch", error),)
    after = _read(base, shown) or next(iter(_named(base, before.metadata.name, shown) if before else ()), None)
    if after is None:
        raise UsageError(f"{ref} has no spec `{shown}`, nor another of its campaign")
    return after, weakenings(before, after) if before else why


def unreadable(what: str, ref: str, error: InvalidError) -> Weakening:
    """A spec of the base that this version cannot read."""
    first = next((d for d in error.diagnostics if d.severity == "error"), None)
    why = f"line {first.line}: {first.message}" if first else error.message
    message = f"{what} cannot be read on {ref} ({why[:300]}), so its thresholds cannot be compared"
    return Weakening(UNREADABLE, f"{message}; mend it there first, or allow the new policy there: `lorarun ssot waive`")


def _read(base: Base, path: str) -> Spec | None:
    """The spec at a path of the base, with the files of the base that it includes."""
    text = base.text(path)
    return None if text is None else read_spec(Source.of(path, text), read=base.included)


def _named(base: Base, name: str, path: str) -> list[Spec]:
    """Specs of the campaign `name` in other files of the folder of `path`.

    Raises:
        InvalidError: there is none that can be read, and one that cannot be has the campaign's name in it.
    """
    found, broken = [], None
    for entry in base.entries(PurePosixPath(path).parent.as_posix()):
        if entry.path == path or not entry.path.endswith((".yaml", ".yml")):
            continue
        try:
            spec = _read(base, entry.path)
        except InvalidError as error:
            broken = error if _names(base, entry.path, name) else broken
            continue
        if spec and spec.metadata.name == name:
            found.append(spec)
    if broken and not found:
        raise broken
    return found


def _names(base: Base, path: str, name: str) -> bool:
    """Whether a text that is no spec says `name: NAME`. What is no text says nothing."""
    try:
        text = base.text(path) or ""
    except InvalidError:
        return False
    return re.search(rf"\bname: *[\"']?{re.escape(name)}(?![\w-])", text) is not None


def _waiver(base: Base, after: Spec, stored: tuple[Stored, ...], found: tuple[Weakening, ...]) -> Stored | None:
    """A waiver that is on the base already: a change cannot allow itself."""
    there = record_ids(base)
    places = {one.place for one in found}
    for one in stored:
        if one.record.kind != "waiver" or one.record.campaign != after.metadata.name or one.id not in there:
            continue
        body = one.record.body
        if body.get("policy_digest") == policy_digest(after) and places <= set(body.get("allows", [])):
            return one
    return None
