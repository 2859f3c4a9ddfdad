"""A record and its spec against a base commit: history only added to, no threshold lowered without a waiver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from runner.canonical import short
from runner.errors import InvalidError, UsageError
from runner.plan.digests import policy_digest
from runner.record.attempts import ancestors, earlier_attempts
from runner.record.model import Record
from runner.spec.load import load_recorded, load_spec, shown_path
from runner.spec.model import Spec
from runner.store import ssot
from runner.store.ssot import Stored
from runner.verify.git import Base, base_of
from runner.verify.history import compare_history
from runner.verify.model import Finding, ok
from runner.verify.specs import Gone, gone_since, named_on, read_on, record_ids
from runner.verify.weaker import Weakening, weakenings

UNREADABLE = "spec"  # the place of a weakening that nobody could look at
TAKEN = Weakening("file", "the spec was taken away, and with it its gate")

Looks = Mapping[str, tuple[str, ...]]  # digest of test data → ids of records that opened it


def compare_base(root: Path, base: Base, record: Record, path: str, stored: Iterable[Stored]) -> tuple[Finding, ...]:
    """What has changed since `base`, as findings on the history, a record, and the spec at `path` of the checkout."""
    known = tuple(stored)
    looks = _test_data(base, record, known)
    return (*compare_history(root, base), *_policy(root, base, path, known), *looks)


def looks_with(base: Base, one: Stored, stored: Iterable[Stored], counted: Looks) -> Looks:
    """The earlier looks of other recipes at the test data of `counted`, which are those in the record's own history,
    and besides them those on the base. A record that is on the base was judged when it was merged: none are added.
    """
    records, there = {s.id: s.record for s in stored}, record_ids(base)
    if one.id in there:
        return counted
    known = there | ancestors(one.id, records).keys()
    earlier = {name: record for name, record in records.items() if name in known}
    return earlier_attempts(earlier, one.record.recipe_digest, counted)


def _test_data(base: Base, record: Record, stored: tuple[Stored, ...]) -> Iterator[Finding]:
    """Test data that the campaign's newest record on the base was not judged on, for instance under the same name."""
    there = record_ids(base)
    runs = [one for one in stored if one.id in there and one.record.kind == "campaign"]
    newest = next((one for one in reversed(runs) if one.record.campaign == record.campaign), None)
    other = sorted(record.attempts.keys() - newest.record.attempts.keys()) if newest else []
    if newest and other:
        said = f"judged on other test data ({', '.join(map(short, other))}) than {newest.id[:12]}"
        yield Finding("data", "note", f"{said}, the newest record on {base.ref}: look at how its rows differ")


def _policy(root: Path, base: Base, path: str, stored: tuple[Stored, ...]) -> Iterator[Finding]:
    try:
        after = load_recorded(path, root)
    except InvalidError:
        return  # said by the comparison with the checkout
    found = lowered(base, after, stored)
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


def ungated(root: Path, base: Base, stored: Iterable[Stored]) -> tuple[Gone, ...]:
    """The recorded specs of the base that are gone, and that no waiver on the base lets go."""
    known = tuple(stored)
    gone = gone_since(root, base, known)
    return tuple(one for one in gone if one.spec is None or _waiver(base, one.spec, known, (TAKEN,)) is None)


def lowered(base: Base, after: Spec, stored: Iterable[Stored]) -> tuple[Weakening, ...] | None:
    """Where `after` is easier to pass than its specs on the base, that of its file and those of its campaign; None
    where the base has none.

    A spec that is on the base and cannot be read counts as a weakening: nobody can say that it is none.
    """
    name, what = after.metadata.name, after.path
    try:
        at = read_on(base, after.path)
        what = f"the spec of `{name}`"
        found = [at] if at else []
        found += [one for one in named_on(base, name, stored) if one.path != after.path]
    except InvalidError as error:
        return (unreadable(what, base.ref, error),)
    if not found:
        return None
    return tuple(dict.fromkeys(one for spec in found for one in weakenings(spec, after)))


def lowered_by(root: Path, path: Path, ref: str) -> tuple[Spec, tuple[Weakening, ...]]:
    """The spec at `ref` that would replace the one at `path` of the checkout, and where it is easier to pass.

    Where `ref` has none of its campaign, it is the checkout's own, taken away.

    Raises:
        UsageError: `ref` is no commit, or has no such spec in place of one that cannot be read.
        InvalidError: there is no file at `path`, or the spec at `ref` cannot be read.
    """
    base, shown = base_of(root, ref), shown_path(path, root)
    try:
        before = load_spec(path, root)
    except InvalidError as error:
        if not path.is_file():
            raise
        after = read_on(base, shown)
        if after is None:
            raise UsageError(f"{ref} has no spec `{shown}`") from error
        return after, (unreadable(shown, "this branch", error),)
    after = read_on(base, shown) or next(iter(named_on(base, before.metadata.name, ssot.records(root))), None)
    return (after, weakenings(before, after)) if after else (before, (TAKEN,))


def unreadable(what: str, ref: str, error: InvalidError) -> Weakening:
    """A spec of the base that this version cannot read."""
    first = next((d for d in error.diagnostics if d.severity == "error"), None)
    why = f"line {first.line}: {first.message}" if first else error.message
    message = f"{what} cannot be read on {ref} ({why[:300]}), so its thresholds cannot be compared"
    return Weakening(UNREADABLE, f"{message}; mend it there first, or allow the new policy there: `lorarun ssot waive`")


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
