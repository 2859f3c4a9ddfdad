"""The report as one HTML file: no network, nothing inline but its own style sheet and script, both named by digest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from runner.acceptance.model import Check
from runner.record.model import Record
from runner.report import figures, numbers, sweep, templates
from runner.report.catalogue import catalogue
from runner.report.chain import Attribution
from runner.report.changes import changes
from runner.report.ledger import SampleLedger
from runner.report.proof import Proof
from runner.report.reading import flat
from runner.report.runs import KindTime
from runner.report.training import Curve
from runner.report.view import View, view
from runner.report.words import Words

MAX_TEXT_BYTES = 6_500_000  # of samples and answers in one report, before markup
MAX_PICTURE_BYTES = 5_000_000
DAGGER = "†"  # on figures that `check` cannot prove
CUTS = (
    4000,
    2000,
    1000,
    600,
    400,
    300,
    250,
    220,
    200,
    180,
    170,
    160,
    150,
    140,
    130,
    120,
)  # characters of a text that are kept


@cache
def asset(name: str) -> Markup:
    """A style sheet or script of ours, for embedding as it is."""
    text = templates.source(name)
    if "</" in text:
        raise ValueError(f"{name} could end its own element")
    return Markup(text)


def digest(text: str) -> str:
    """The digest of an inline element's text as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def policy(style: str, script: str, *, connect: str = "") -> str:
    """The content security policy: our style sheet, our script, embedded pictures, and nothing else.

    `connect` is where the script may ask for data; "" is nowhere.
    """
    asked = f"connect-src {connect}; " if connect else ""
    return (
        f"default-src 'none'; style-src '{digest(style)}'; script-src '{digest(script)}'; img-src data:; "
        f"{asked}base-uri 'none'; form-action 'none'"
    )


def write(
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    history: Sequence[Record],
    *,
    language: str,
    lines: Mapping[str, int],
    proof: Proof | None = None,
) -> str:
    """One self-contained HTML document."""
    return page(record, evidence, history, language=language, proof=proof)


def page(
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    history: Sequence[Record],
    *,
    language: str,
    home: str = "",
    proof: Proof | None = None,
) -> str:
    """The document; `home` is where its way back to a dashboard leads."""
    words = Words(catalogue(language))
    seen = view(record, evidence, history, limit=_characters(evidence), pictures=MAX_PICTURE_BYTES, proof=proof)
    style, script = asset("report.css"), asset("report.js")
    return (
        templates.html()
        .get_template("report.html.j2")
        .render(
            view=seen,
            home=home,
            language=language,
            style=style,
            script=script,
            policy=policy(style, script),
            sections=_sections(seen),
            dagger=lambda *kinds: dagger(seen, words, kinds),
            **_charts(seen, words),
            **_lists(seen),
            **_shapes(words),
            **words.functions(),
        )
    )


def dagger(seen: View, words: Words, kinds: Sequence[str]) -> Markup:
    """The mark of figures of these kinds, leading to what it means; nothing where all of them are proven."""
    if not {one.id for one in seen.unproven} & set(kinds):
        return Markup()
    return Markup('<a class="dagger" href="#unproven" title="{0}" aria-label="{0}">{1}</a>').format(
        words.say("unproven.sign"), DAGGER
    )


def _characters(evidence: Sequence[Mapping[str, Any]]) -> int:
    """How much of each text is kept: as much as leaves the whole file within `MAX_TEXT_BYTES`."""
    keys = {"completion": ("text",), "sample": ("prompt", "system", "reference")}
    texts = [str(row.get(key) or "") for row in evidence for key in keys.get(str(row.get("kind")), ())]
    kept = CUTS[0]
    for kept in CUTS:
        if sum(len(text[:kept].encode(errors="replace")) for text in texts) <= MAX_TEXT_BYTES:
            break
    return kept


@dataclass(frozen=True)
class Section:
    """A part of the page, and what its line of the contents says beside its name."""

    id: str  # of the element, of its template, and of the message that names it
    tally: str = ""
    status: str = ""


def _sections(seen: View) -> list[Section]:
    """The sections that have something to say."""
    found = [Section("proof", *_proven(seen.proof))] if seen.proof else []
    found += [Section("targets", *_tally(seen.targets)), Section("guards", *_tally(seen.guards))]
    found += [Section("limits", *_tally(seen.limits))] if seen.limits else []
    shown = {
        "baselines": bool(seen.baselines),
        "chain": bool(seen.attributions),
        "sweep": bool(seen.sweeps),
        "samples": True,
        "training": bool(seen.curves),
        "memory": True,
        "rehearsal": bool(seen.rehearsals),
        "scorecard": seen.scorecard is not None,
        "data": bool(seen.splits or seen.findings),
        "steps": bool(seen.record.steps),
        "history": True,
        "provenance": True,
    }
    return found + [Section(name) for name, there in shown.items() if there]


def _proven(proof: Proof) -> tuple[str, str]:
    """How much of what was looked at is proven, and what the findings come to."""
    proven, looked = len(proof.of("ok")), len(proof.findings)
    return f"{proven}/{looked}", {"proven": "pass", "refused": "error", "weaker": "fail"}.get(
        proof.outcome, "inconclusive"
    )


def _tally(checks: Sequence[Check]) -> tuple[str, str]:
    """How many of these checks are kept, and the worst status among them."""
    if not checks:
        return "", ""
    worst = next((s for s in ("error", "fail", "inconclusive", "warn") if any(c.status == s for c in checks)), "pass")
    return f"{sum(c.status in {'pass', 'warn'} for c in checks)}/{len(checks)}", worst


def _charts(seen: View, words: Words) -> dict[str, Any]:
    trends = [figures.trend_chart(t, words) for t in seen.trends]
    return {
        "plots": figures.interval_charts(seen.targets, words),
        "chains": [
            {"attribution": made, "shares": split, "flows": figures.flow_charts(made), "fates": fates}
            for made, split, fates in zip(seen.attributions, seen.shares, seen.fates, strict=True)
        ],
        "losses": [figures.loss_chart(c, words) for c in seen.curves if c.step not in sweep.losers(seen.sweeps)],
        "sweeps": [(made, figures.axis_charts(made, words)) for made in seen.sweeps],
        "memory": figures.memory_chart(seen.memory, words),
        "trends": [t for t in trends if t is not None],
    }


def _lists(seen: View) -> dict[str, Any]:
    return {
        "changes": changes(seen),
        "versions": flat(seen.record.environment),
        "models": flat(seen.record.models),
        "fields": flat(seen.record.summary),
    }


def _shapes(words: Words) -> dict[str, Any]:
    """What templates ask about shapes and colours of small figures."""

    def state_name(state: str, book: SampleLedger) -> str:
        plain = "still" if state == "wrong" and book.graded else state
        return words.catalogue.name("state", plain)

    def stack(book: SampleLedger) -> list[tuple[str, float, float]]:
        found, x = [], 0.0
        for state, n in book.counts:
            width = 100 * n / book.total
            found.append((state, round(x, 3), round(width, 3)))
            x += width
        return found

    def offsets(kinds: Sequence[KindTime]) -> list[tuple[float, KindTime]]:
        """Each kind with where its piece of a stacked bar begins, in per cent."""
        starts = [round(100 * sum(k.share for k in kinds[:place]), 3) for place in range(len(kinds))]
        return list(zip(starts, kinds, strict=True))

    def heat(gain: float | None, about: Attribution) -> str:
        """A class by the share of the greatest gain of the table."""
        gains = [abs(g) for f in about.firsts for s in about.seconds if (g := about.gain(f, s)) is not None]
        if not gain:
            return ""
        share = abs(gain) / (max(gains) or 1)
        if share < 0.02:
            return ""
        return " down1" if gain < 0 else f" up{1 + (share > 0.4) + (share > 0.8)}"

    return {
        "state_name": state_name,
        "stack": stack,
        "heat": heat,
        "offsets": offsets,
        "share": _share,
        "curve_facts": lambda c: _curve_facts(c, words),
    }


def _share(earned: str, points: str) -> float:
    """Earned points in per cent of the possible ones, for drawing only."""
    try:
        return round(max(0.0, min(100.0, 100 * float(earned) / float(points))), 1)
    except (ValueError, ZeroDivisionError):
        return 0.0


def _curve_facts(curve: Curve, words: Words) -> list[tuple[str, str]]:
    rows = [
        ("training.final", curve.final_loss, numbers.number(curve.final_loss, 4)),
        ("training.update", curve.updates, numbers.count(curve.updates)),
        ("training.epochs", curve.epochs, numbers.compact(curve.epochs)),
        ("training.tokens", curve.tokens, numbers.count(curve.tokens)),
        ("training.speed", curve.tokens_per_second, numbers.count(curve.tokens_per_second)),
        ("training.parameters", curve.parameters, numbers.count(curve.parameters)),
        ("training.modules", curve.modules, numbers.count(curve.modules)),
        ("training.scale", curve.scale, numbers.compact(curve.scale)),
        ("steps.time", curve.seconds, numbers.duration(curve.seconds, words.language)),
    ]
    return [(key, text) for key, value, text in rows if value is not None]
