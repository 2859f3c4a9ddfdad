"""Which record a person means: the newest run, that of a campaign, of a spec, or of an id. Every command asks here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.errors import NothingToCheckError, UsageError
from runner.plan.digests import policy_digest, recipe_digest
from runner.spec.load import load_spec
from runner.store.ssot import Stored

SPEC_ENDINGS = (".yaml", ".yml")
LEAST_DIGITS = 4  # of an id


def is_spec(name: str | None) -> bool:
    """Whether a name is that of a spec's file."""
    return name is not None and name.endswith(SPEC_ENDINGS)


def find(root: Path, name: str | None, stored: Sequence[Stored]) -> Stored:
    """The record that `name` stands for, of those that are `stored`, oldest first.

    Without a name it is the newest run; of a campaign its newest run; of a spec's file the newest run of its campaign,
    one with the recipe and the policy that the file holds before any other; of an id, its first digits or the record's
    file, that record, of whatever kind.

    Raises:
        NothingToCheckError: no run was recorded, or none of the spec.
        UsageError: `name` stands for no record, or for several.
        InvalidError: the spec cannot be read.
    """
    runs = [one for one in stored if one.record.kind == "campaign"]
    if not name:
        if not runs:
            raise NothingToCheckError("there is no record yet", help="`lorarun apply SPEC` makes one")
        return runs[-1]
    return _of_spec(root, name, runs) if is_spec(name) else _named(name, stored, runs)


def find_run(root: Path, name: str | None, stored: Sequence[Stored]) -> Stored:
    """As `find`, of runs only.

    Raises:
        NothingToCheckError, UsageError, InvalidError: as `find`; an id is that of a remark about other records.
    """
    one = find(root, name, stored)
    if one.record.kind != "campaign":
        raise NothingToCheckError(
            f"record {one.id[:12]} is a {one.record.kind}, and no run", help="`lorarun ssot log` lists the records"
        )
    return one


def _of_spec(root: Path, name: str, runs: Sequence[Stored]) -> Stored:
    spec = load_spec(Path.cwd() / name, root)
    own = [one for one in runs if one.record.campaign == spec.metadata.name]
    if not own:
        said = f"campaign `{spec.metadata.name}` has no record yet"
        raise NothingToCheckError(said, help=f"`lorarun apply {name}` makes one")
    wanted = (recipe_digest(spec), policy_digest(spec))
    fitting = [one for one in own if (one.record.recipe_digest, one.record.policy_digest) == wanted]
    return (fitting or own)[-1]


def _named(name: str, stored: Sequence[Stored], runs: Sequence[Stored]) -> Stored:
    digits = Path(name).name.removesuffix(".json")
    found = [one for one in stored if len(digits) >= LEAST_DIGITS and one.id.startswith(digits)]
    found += [one for one in runs if one.record.campaign == name][-1:]
    if not found:
        raise UsageError(f"no record `{name}`, nor a campaign", help="`lorarun ssot log` lists the records")
    if len({one.id for one in found}) > 1:
        raise UsageError(f"`{name}` stands for {len(found)} records", help="give more digits of the id")
    return found[0]
