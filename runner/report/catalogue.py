"""The words of a report in one language, from `templates/messages/<language>.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from runner.errors import UsageError
from runner.report.templates import source

LANGUAGES = ("en", "ko")


@dataclass(frozen=True)
class Catalogue:
    """Messages of one language: `say("headline.targets", met=3, total=4)`."""

    language: str
    messages: dict[str, str]

    def say(self, key: str, **values: object) -> str:
        """The message with its places filled.

        Raises:
            KeyError: there is no such message; a mistake of ours, held by a test.
        """
        return self.messages[key].format_map({k: str(v) for k, v in values.items()})

    def name(self, group: str, value: str) -> str:
        """The word for one value of a closed set (`status.pass`), or the value itself where it is not known."""
        return self.messages.get(f"{group}.{value}", value)


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of a language.

    Raises:
        UsageError: not one of `LANGUAGES`.
    """
    if language not in LANGUAGES:
        raise UsageError(f"no messages for language `{language[:40]}`", help="use one of: " + ", ".join(LANGUAGES))
    return Catalogue(language, json.loads(source(f"messages/{language}.json")))
