"""How often a campaign's test data was opened before: every look makes a lucky pass likelier, so looks are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runner.record.model import Record


def earlier_attempts(
    earlier: Mapping[str, Record], recipe: str, test_data: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """test data → sorted ids of the records that opened it with another recipe, one for each such recipe.

    `earlier` holds records by id, oldest first. Runs that ended in an error did not judge the test data, and the same
    recipe again is no new look.
    """
    attempts: dict[str, dict[str, str]] = {data: {} for data in test_data}
    for name, record in earlier.items():
        if record.kind != "campaign" or record.recipe_digest == recipe:
            continue
        for data in attempts.keys() & opened_by(record):
            attempts[data].setdefault(record.recipe_digest, name)
    return {data: tuple(sorted(ids.values())) for data, ids in attempts.items()}


def opened_by(record: Record) -> set[str]:
    """Digests of the test data that a record's verdict rests on."""
    return set() if record.verdict.get("status") == "ERROR" else set(record.attempts)


def ancestors(name: str, records: Mapping[str, Record]) -> dict[str, Record]:
    """The records that `name` was made after, itself not counted, in the order of `records`."""
    found: set[str] = set()
    waiting = list(records[name].parents)
    while waiting:
        one = waiting.pop()
        if one in records and one not in found:
            found.add(one)
            waiting += records[one].parents
    return {i: record for i, record in records.items() if i in found}
