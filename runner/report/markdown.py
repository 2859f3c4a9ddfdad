"""The report as Markdown, for a pull request comment: never longer than a forge takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.record.model import Record
from runner.report import hostile, templates
from runner.report.catalogue import catalogue
from runner.report.changes import changes
from runner.report.proof import Proof
from runner.report.reading import flat
from runner.report.view import View, view
from runner.report.words import Words

MAX_CHARACTERS = 65_000
DAGGER = "†"  # on figures that `check` cannot prove
_CLOSE = "\n\n</details>"
# Tried in this order until the text fits: regressions an evaluation, guards, steps, characters of a text.
_SIZES = ((5, 200, 60, 400), (3, 60, 40, 240), (1, 20, 20, 160), (0, 8, 0, 80))


def write(
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    history: Sequence[Record],
    *,
    language: str,
    lines: Mapping[str, int],
    proof: Proof | None = None,
) -> str:
    """Markdown of at most `MAX_CHARACTERS` characters."""
    words = Words(catalogue(language))
    seen = view(record, evidence, history, limit=400, pictures=0, proof=proof)
    text = ""
    for number, sizes in enumerate(_SIZES):
        text = _text(seen, words, sizes, cut=number > 0)
        if len(text) <= MAX_CHARACTERS:
            return text
    return _shortened(text, "\n\n" + words.say("cut") + "\n\n" + _end(seen, words))


def _shortened(text: str, end: str) -> str:
    """As much of `text` as fits with `end` below it, outside of whatever folded part was cut through."""
    kept = text[: text.rfind("\n", 0, MAX_CHARACTERS - len(end) - len(_CLOSE))]
    lines = kept.split("\n")  # no line of a record's own words begins so
    opened = sum(line.startswith("<details>") for line in lines) > lines.count("</details>")
    return kept + (_CLOSE if opened else "") + end


def _end(seen: View, words: Words) -> str:
    """What the last lines say: the meaning of the dagger, and which record this is."""
    return templates.markdown().get_template("sections/report_end.md.j2").render(view=seen, **words.functions())


def _text(seen: View, words: Words, sizes: tuple[int, int, int, int], *, cut: bool) -> str:
    regressions, guards, steps, characters = sizes
    return (
        templates.markdown()
        .get_template("report.md.j2")
        .render(
            view=seen,
            changes=changes(seen),
            regressions=regressions,
            guards_shown=guards,
            steps_shown=steps,
            cut=cut,
            versions=flat(seen.record.environment),
            dagger=lambda kind: DAGGER if any(one.id == kind for one in seen.unproven) else "",
            code=lambda value, limit=characters: hostile.code_span(value, limit),
            brief=lambda value, limit=160: hostile.one_line(value, limit),
            **words.functions(),
        )
    )
