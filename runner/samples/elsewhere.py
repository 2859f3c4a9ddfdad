"""Does an evaluation judge on rows, or near-copies of rows, that its tunings learn from in other data sets?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runner.errors import Diagnostic
from runner.samples.findings import Findings
from runner.samples.looks import alike
from runner.samples.marks import Mark
from runner.samples.near import LEAST_ANSWER, Found, HeldTexts
from runner.samples.sample import Sample
from runner.samples.shingles import shingles
from runner.samples.text import bare

Learned = Mapping[str, Iterable[Sample]]


def same(judged: Iterable[Mark], learned: Mapping[str, Iterable[Mark]], findings: Findings, *, allowed: str) -> None:
    """Add what a judged split shares with rows that other data sets learn from, by name of the data set.

    Args:
        allowed: the reason why that may be; "" makes every shared row an error.
    """
    places: dict[str, str] = {}
    for name, marks in learned.items():
        for mark in marks:
            for key in (mark.prompt, *mark.images):
                places.setdefault(key, _where(mark.source, name))
    places.pop("", None)
    for mark in judged:
        what = [("E734", "the same image as", i) for i in mark.images] + [("E731", "the same input as", mark.prompt)]
        for code, how, key in what:
            if key in places:
                findings.add(_shared(code, f"{how} {places[key]}", mark.source, allowed))
                break


def seen(judged: Iterable[Mark], learned: Mapping[str, Iterable[Mark]], findings: Findings) -> None:
    """Add a warning for each judged image that looks like one that is learned, and has other pixels."""
    held = [(bytes.fromhex(look), pixels, mark.source) for mark in judged for pixels, look in mark.looks]
    for name, marks in learned.items():
        known = [(bytes.fromhex(look), pixels, mark.source) for mark in marks for pixels, look in mark.looks]
        for i, j in alike([look for look, _, _ in held], [look for look, _, _ in known]):
            if held[i][1] != known[j][1]:
                message = f"an image that looks like that of {_where(known[j][2], name)}"
                findings.add(_diagnostic("W736", message, held[i][2]))


def nearly(judged: Sequence[Sample], learned: Learned, findings: Findings, *, allowed: str) -> None:
    """Add what nearly repeats a judged row: its input, or for rows with images their long right answers."""
    inputs, answers = HeldTexts(), HeldTexts(as_forms=True, least=LEAST_ANSWER)
    equal = set()
    for number, sample in enumerate(judged):
        text = bare(sample.reference if sample.images else sample.prompt)
        (answers if sample.images else inputs).add(number, text)
        equal.add(text)
    for name, samples in learned.items():
        for sample in samples:
            text = bare(sample.reference if sample.images else sample.prompt)
            if text in equal and not sample.images:
                continue
            place = _where(sample.source, name), 0
            found = (answers if sample.images else inputs).ask(place, text, shingles(text))
            if found:
                findings.add(_near(found, judged, allowed))
    for found in inputs.finish():
        findings.add(_near(found, judged, allowed))
    for found in answers.finish():
        message = f"another image with nearly the answer of {found.place[0]} ({found.similarity:.0%})"
        findings.add(_diagnostic("W733", message, judged[found.line].source))


def _near(found: Found, judged: Sequence[Sample], allowed: str) -> Diagnostic:
    message = f"nearly the same input: {found.similarity:.0%} like {found.place[0]}"
    return _shared("E733", message, judged[found.line].source, allowed)


def _where(source: str, name: str) -> str:
    return f"{source}, which `{name}` learns from"


def _shared(code: str, message: str, source: str, allowed: str) -> Diagnostic:
    help = "" if allowed else "take the row out of one of them, or give a reason in `allow_overlap`"
    note = f"allowed by the spec: {allowed}" if allowed else ""
    return _diagnostic(code, message, source, severity="warning" if allowed else "error", help=help, note=note)


def _diagnostic(
    code: str, message: str, source: str, *, severity: str = "warning", help: str = "", note: str = ""
) -> Diagnostic:
    path, _, line = source.rpartition(":")
    place = int(line) if line.isdigit() else 0
    return Diagnostic(code, message, path=path or source, line=place, severity=severity, help=help, note=note)
