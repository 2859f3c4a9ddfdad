"""The report as one HTML file: no network, nothing inline but its own style sheet and script, both named by digest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from markupsafe import Markup

from runner.record.model import Record
from runner.report import templates
from runner.report.catalogue import catalogue
from runner.report.changes import changes
from runner.report.reading import flat
from runner.report.view import view
from runner.report.words import Words


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


def policy(style: str, script: str) -> str:
    """The content security policy: our style sheet, our script, embedded pictures, and nothing else."""
    return (
        f"default-src 'none'; style-src '{digest(style)}'; script-src '{digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def write(
    record: Record,
    evidence: Sequence[Mapping[str, Any]],
    history: Sequence[Record],
    *,
    language: str,
    lines: Mapping[str, int],
) -> str:
    """One self-contained HTML document."""
    words = Words(catalogue(language))
    seen = view(record, evidence, history)
    style, script = asset("report.css"), asset("report.js")
    return (
        templates.html()
        .get_template("report.html.j2")
        .render(
            view=seen,
            changes=changes(seen),
            versions=flat(record.environment),
            language=language,
            style=style,
            script=script,
            policy=policy(style, script),
            **words.functions(),
        )
    )
