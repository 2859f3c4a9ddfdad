"""A record and its spec against a base commit: history only added to, no threshold lowered without a waiver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from runner.canonical import short
from runner.errors import InvalidError
from runner.plan.digests import policy_digest
from runner.record.attempts import earlier_attempts
from runner.record.model import Record
from runner.spec.load import load_spec, read_spec
from runner.spec.model import Spec
from runner.spec.source import Source
from runner.store.ssot import RECORDS, Stored
from runner.verify.git import Base, base_of
from runner.verify.history import compare_history
from runner.verify.model import Finding, ok
from runner.verify.weaker import Weakening, weakenings


def compare_base(root: Path, ref: str, record: Record, stored: Iterable[Stored]) -> tuple[Finding, ...]:
    """What has changed since `ref`, as findings.

    Raises:
        UsageError: `ref` is no commit.
    """
    base = base_of(root, ref)
    known = tuple(stored)
    return (*compare_history(root, base), *_policy(root, base, record, known), *_attempts(base, record, known))


def _attempts(base: Base, record: Record, stored: tuple[Stored, ...]) -> Iterator[Finding]:
    """Looks at the same test data that are on the base and that the record does not count."""
    there = _record_ids(base)
    on_base = {one.id: one.record for one in stored if one.id in there}
    counted = earlier_attempts(on_base, record.recipe_digest, record.attempts)
    for data, ids in sorted(counted.items()):
        missing = set(ids) - set(record.attempts[data])
        recipes = {on_base[i].recipe_digest for i in missing} - _recipes(record.attempts[data], stored)
        if recipes:
            looks = f"{len(recipes)} earlier {'look' if len(recipes) == 1 else 'looks'}"
            said = f"{base.ref} holds {looks} at the same test data ({short(data)}) that the record does not count"
            yield Finding("attempts", "note", f"{said}: apply again on top of {base.ref} to have them counted")


def _recipes(ids: Iterable[str], stored: tuple[Stored, ...]) -> set[str]:
    wanted = set(ids)
    return {one.record.recipe_digest for one in stored if one.id in wanted}


def _record_ids(base: Base) -> set[str]:
    return {PurePosixPath(e.path).stem for e in base.entries(RECORDS)}


def _policy(root: Path, base: Base, record: Record, stored: tuple[Stored, ...]) -> Iterator[Finding]:
    try:
        after = load_spec(root / record.spec_path, root)
    except InvalidError:
        return  # said by the comparison with the checkout
    before = spec_on(base, after)
    if before is None:
        yield Finding("policy", "note", f"{base.ref} has no spec of the campaign `{after.metadata.name}`")
        return
    found = weakenings(before, after)
    if not found:
        yield ok("policy", f"no threshold is weaker than on {base.ref}")
        return
    waiver = _waiver(base, after, stored, found)
    for one in found:
        if waiver:
            yield Finding("policy", "note", f"{one.place}: {one.message}; waived by {waiver.id[:12]}")
        else:
            yield Finding("policy", "weaker", f"{one.place}: {one.message} (weaker than on {base.ref})")


def spec_on(base: Base, after: Spec) -> Spec | None:
    """The campaign's spec on the base: under the same path, or the same name in the same folder."""
    folder = PurePosixPath(after.path).parent.as_posix()
    paths = [after.path, *(e.path for e in base.entries(folder) if e.path.endswith((".yaml", ".yml")))]
    for path in dict.fromkeys(paths):
        try:
            text = base.text(path)
            spec = read_spec(Source.of(path, text)) if text is not None else None
        except InvalidError:
            continue
        if spec and spec.metadata.name == after.metadata.name:
            return spec
    return None


def _waiver(base: Base, after: Spec, stored: tuple[Stored, ...], found: tuple[Weakening, ...]) -> Stored | None:
    """A waiver that is on the base already: a change cannot allow itself."""
    there = _record_ids(base)
    places = {one.place for one in found}
    for one in stored:
        if one.record.kind != "waiver" or one.record.campaign != after.metadata.name or one.id not in there:
            continue
        body = one.record.body
        if body.get("policy_digest") == policy_digest(after) and places <= set(body.get("allows", [])):
            return one
    return None
