"""The dashboard: all campaigns of a project as static files that any web server can hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from runner import files
from runner.record.model import Record
from runner.report import charts, html, templates
from runner.report.catalogue import catalogue
from runner.report.charts import Series
from runner.report.render import language_of
from runner.report.summary import CampaignState, campaigns, summary, to_json
from runner.report.view import Trend
from runner.report.words import Words
from runner.report.write import history_of
from runner.store import ssot

_PAGE = re.compile(r"[0-9a-f]{32}\.html")


def write_dashboard(root: Path, folder: Path, *, records: int = 10, language: str = "") -> tuple[Path, ...]:
    """Write `index.html`, `summary.json` and a page for each of the newest `records` records of every campaign.

    Pages of records that are no longer among them are removed; nothing else in the folder is touched.
    """
    known = history_of(root)
    states = campaigns(known)
    shown = {id: record for state in states for id, record in state.records[-records:]}
    pages = folder / "reports"
    for id, record in shown.items():
        files.write_text(pages / f"{id}.html", report_page(root, record, known, language=language))
    for stale in sorted(pages.glob("*.html")) if pages.is_dir() else ():
        if _PAGE.fullmatch(stale.name) and stale.stem not in shown:
            stale.unlink()
    there = frozenset(shown)
    files.write_text(folder / "summary.json", to_json(summary(states, there)))
    files.write_text(folder / "index.html", index_page(states, there, language=language))
    return folder / "index.html", folder / "summary.json", *(pages / f"{id}.html" for id in shown)


def report_page(root: Path, record: Record, known: Sequence[Record], *, language: str = "") -> str:
    """A record's report with a way back to the dashboard."""
    rows = ssot.read_evidence(root, record)
    return html.page(record, rows, known, language=language_of(record, language), home="../index.html")


def dashboard_language(states: Sequence[CampaignState], asked: str = "") -> str:
    """The language that was asked for, or the newest campaign's own."""
    return language_of(states[0].view.record, asked) if states else asked or "en"


def index_page(states: Sequence[CampaignState], reports: frozenset[str], *, language: str = "", live: str = "") -> str:
    """The dashboard's page. `live` is the address of the state of a running campaign, "" on static pages."""
    spoken = dashboard_language(states, language)
    words = Words(catalogue(spoken))
    style, script = html.asset("report.css"), html.asset("live.js") if live else html.asset("none.js")
    return (
        templates.html()
        .get_template("dashboard.html.j2")
        .render(
            states=states,
            reports=reports,
            live=live,
            language=spoken,
            style=style,
            script=script,
            policy=html.policy(style, script, connect="'self'" if live else ""),
            total=sum(len(s.records) for s in states),
            spark=spark,
            **words.functions(),
        )
    )


def spark(trend: Trend) -> charts.Plot | None:
    """A target's values over the records as a small line; None while there is one record only."""
    after = [(float(i), p.after) for i, p in enumerate(trend.points) if p.after is not None]
    if len(after) < 2:
        return None
    line = Series("", after, "line-a", dots=True)
    return charts.plot([line], width=120, height=40, left=6, right=6, foot=8, zero=False)
