"""`report` and `dashboard`: what people look at."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.project import find_root
from runner.errors import ExitCode, InvalidError, LorarunError, UsageError

if TYPE_CHECKING:
    from runner.record.model import Record
    from runner.report.proof import Proof

LANGUAGE = click.option("--language", type=click.Choice(["en", "ko"]), help="Instead of the campaign's own.")
SUMMARY_BYTES = 1_000_000  # GitHub drops a step summary over 1 MiB


@click.command()
@click.argument("target", required=False)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["md", "html", "json", "junit", "github"]),
    help="One format, to --out.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The file for --format (`-`: stdout); else the folder.")
@click.option("--check", "checked", is_flag=True, help="Recompute it first, and say in the report what was proven.")
@click.option("--base", metavar="REF", help="With --check: compare with this commit.")
@LANGUAGE
def report(
    target: str | None,
    output_format: str | None,
    out: Path | None,
    checked: bool,
    base: str | None,
    language: str | None,
) -> int:
    """Render a record: TARGET is a spec, a campaign, a record's id or file; without it, the newest run.

    Without --format, HTML, Markdown, JSON and JUnit go to artifacts/<campaign>/, or to the folder --out. Nothing is
    recomputed unless --check asks for it: then the report says what `lorarun check` found, does not repeat a verdict
    that was refused, and the exit code is that of `check`.

    \b
      lorarun report                                    the newest run, all formats
      lorarun report specs/demo.yaml --format md        a pull request comment
      lorarun report specs/demo.yaml --format github    annotations, and the step summary where CI asks for one
      lorarun report specs/demo.yaml --check --base origin/main --out lorarun-report     what the gate in CI does
    """
    from runner.report.absent import write_absent

    if base and not checked:
        raise UsageError("--base compares nothing without --check")
    root = find_root(Path(target) if target and target.endswith((".yaml", ".yml")) else None)
    try:
        shown = _checked(root, target, base) if checked else _plainly(root, target)
    except LorarunError as error:
        if checked and out is not None and output_format is None:
            write_absent(out, target or "ssot/", error, language=language or "")
        raise
    for path in _render(root, shown, output_format, out, language or ""):
        click.echo(_shown(path, root))
    return int(shown.code)


@dataclass(frozen=True)
class _Asked:
    """A record to show, its evidence, and what `check` found of it."""

    record: Record
    rows: Sequence[Mapping[str, Any]]
    proof: Proof | None = None
    code: int = 0


def _plainly(root: Path, target: str | None) -> _Asked:
    from runner.store import ssot
    from runner.store.find import find_run

    record = find_run(root, target, ssot.records(root)).record
    return _Asked(record, ssot.read_evidence(root, record))


def _checked(root: Path, target: str | None, base: str | None) -> _Asked:
    """The record that `check` takes for `target`; of one that it refuses, no evidence is shown."""
    from runner.cli.verify import say
    from runner.report.proof import proof_of
    from runner.store import ssot
    from runner.store.find import find
    from runner.verify.check import check

    found = check(root, target, base=base)
    say(found)
    record, proof = find(root, found.record_id, ssot.records(root)).record, proof_of(found)
    rows = () if proof.outcome == "refused" else ssot.read_evidence(root, record)
    return _Asked(record, rows, proof, int(found.exit_code))


def _render(root: Path, asked: _Asked, output_format: str | None, out: Path | None, language: str) -> tuple[Path, ...]:
    """Write what was asked for; the paths of the files, none where it went to stdout or to one file."""
    from runner.report.render import render
    from runner.report.write import history_of, write_reports

    record, rows, proof = asked.record, asked.rows, asked.proof
    lines = _lines(root, record) if output_format == "github" or proof else {}
    if output_format is None:
        return write_reports(root, record, rows, language=language, folder=out, lines=lines, proof=proof)
    history = history_of(root)
    text = render(record, rows, format=output_format, language=language, history=history, lines=lines, proof=proof)
    _write(text, out)
    if output_format == "github":
        _summarise(render(record, rows, format="md", language=language, history=history, proof=proof))
    return ()


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; default artifacts/dashboard.")
@click.option("--serve", is_flag=True, help="Serve it on 127.0.0.1 and follow a running campaign.")
@click.option("--port", type=click.IntRange(0, 65535), default=8019, show_default=True, help="Port for --serve.")
@click.option("--records", type=click.IntRange(1, 1000), default=10, show_default=True, help="Reports a campaign.")
@LANGUAGE
def dashboard(out: Path | None, serve: bool, port: int, records: int, language: str | None) -> int:
    """Show all campaigns of the project: newest verdict, trends, every report.

    Writes static files that any web server or GitHub Pages can hold, with summary.json for other dashboards.

    \b
      lorarun dashboard                     artifacts/dashboard/index.html
      lorarun dashboard --serve             http://127.0.0.1:8019/, live while a campaign runs
    """
    from runner.report.dashboard import write_dashboard
    from runner.report.live import live_state
    from runner.report.server import serve_dashboard

    root = find_root()
    if serve:
        serve_dashboard(root, port=port, language=language or "", state=live_state, announce=_announce)
        return int(ExitCode.SUCCESS)
    folder = out or root / "artifacts" / "dashboard"
    for path in write_dashboard(root, folder, records=records, language=language or ""):
        click.echo(_shown(path, root))
    return int(ExitCode.SUCCESS)


def _lines(root: Path, record: Record) -> dict[str, int]:
    """The spec's lines, where the checkout still has a spec that can be read."""
    from runner.report.lines import lines_of
    from runner.report.reading import check, items
    from runner.spec.load import load_recorded

    try:
        spec = load_recorded(record.spec_path, root)
    except InvalidError:
        return {}
    return lines_of(spec, tuple(check(c) for c in items(record.verdict.get("checks"))))


def _write(text: str, out: Path | None) -> None:
    from runner import files

    if out is None or str(out) == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        files.write_text(out, text)


def _summarise(markdown: str) -> None:
    """Append to the step summary where GitHub Actions names one."""
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if place and len(markdown.encode()) <= SUMMARY_BYTES:
        with Path(place).open("a", encoding="utf-8") as f:
            f.write(markdown + "\n")


def _announce(url: str) -> None:
    click.echo(f"{url}  (Ctrl-C ends it)", err=True)


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
