"""`check`: what can be proven about a record without a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.canonical import readable_json
from runner.cli.options import format_option
from runner.cli.project import find_root
from runner.errors import ExitCode
from runner.report.hostile import command_data, command_property, one_line

if TYPE_CHECKING:
    from runner.verify.model import CheckReport, Finding

CHECK_FORMAT = "lorarun/check/v1"
DIFF_FORMAT = "lorarun/diff/v1"
_COLOURS = {"failed": "red", "weaker": "red", "stale": "yellow", "unchecked": "yellow", "ok": "green"}


@click.command()
@click.argument("target", required=False, metavar="[SPEC|RECORD]")
@click.option("--base", metavar="REF", help="Compare with this commit: history only added to, no threshold lowered.")
@format_option("text", "json", "github", help="github: annotations for a pull request.")
def check(target: str | None, base: str | None, output_format: str) -> int:
    """Recompute digests, metrics, statistics and verdict from a record and its evidence.

    Checks the newest record of SPEC (one of its recipe and policy before any other), or RECORD (an id, its first
    digits, its file, or a campaign's name). Needs no model and no MLX, and writes nothing. A record that is about
    another recipe, policy, data or model than SPEC in the checkout is stale.

    \b
    Exit codes: 0 proven and PASS, 6 FAIL or a lowered threshold, 7 INCONCLUSIVE, stale or no record yet,
    8 record, evidence or history was tampered with.

    \b
      lorarun check specs/demo.yaml                        in CI, after checking out the branch
      lorarun check specs/demo.yaml --base origin/main     and nothing was rewritten or lowered
    """
    from runner.verify.check import check as run_check

    spec = Path(target) if target and target.endswith((".yaml", ".yml")) else None
    report = run_check(find_root(spec), target, base=base)
    if output_format == "json":
        click.echo(readable_json(_plain(report), indent=1))
    elif output_format == "github":
        click.echo("\n".join(_annotations(report)))
    else:
        say(report)
    return int(report.exit_code)


@click.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@format_option()
@click.option("--exit-code", is_flag=True, help="Exit 4 when something differs.")
def diff(old: str, new: str, output_format: str, exit_code: bool) -> int:
    """Compare two records A and B: spec, environment, inputs, and every metric after tuning.

    A metric's difference (B - A) is paired over the same samples and comes with its 95 % interval. What was measured on
    other samples, or with another version of the metric, is not compared. `lorarun ssot log` lists the records.

    \b
      lorarun diff 3c23c7212e58 90ab34cd5678
      lorarun diff 3c23c7212e58 90ab34cd5678 --exit-code     in a script: 4 where something differs
    """
    from runner.cli.diff_text import diff_text
    from runner.verify.diff import diff as compare

    root = find_root()
    found = compare(root, old, new)
    if output_format == "json":
        from runner.canonical import plain

        click.echo(readable_json({"format": DIFF_FORMAT, **plain(found)}, indent=1))
    else:
        click.echo(diff_text(found))
    differs = found.spec or found.environment or found.inputs or any(m.old != m.new for m in found.metrics)
    return int(ExitCode.CHANGED if exit_code and differs else ExitCode.SUCCESS)


def say(report: CheckReport) -> None:
    """Every finding on stderr, the verdict's own line on stdout."""
    click.echo(f"record {report.record_id} of the campaign `{one_line(report.campaign, 80)}`", err=True)
    for finding in report.findings:
        status = click.style(f"{finding.status:<10}", fg=_COLOURS.get(finding.status))
        click.echo(f"  {status}{finding.id:<11}{one_line(finding.message, 600)}", err=True)
    click.echo(_conclusion(report), err=True)
    click.echo(one_line(_result(report), 1000))


def _result(report: CheckReport) -> str:
    """The one verdict, as the exit code has it; a record that is refused has none, whatever its evidence says."""
    from runner.acceptance.result import result_line

    if any(f.status == "failed" for f in report.findings):
        return "RESULT: none — this record is not to be believed"
    if report.verdict is None:
        return "RESULT: none — the evidence gives no verdict"
    if report.exit_code == report.verdict.exit_code:
        return result_line(report.verdict)
    status = "FAIL" if report.exit_code == ExitCode.GATE_FAIL else "INCONCLUSIVE"
    return f"RESULT: {status} — {_conclusion(report)}; the record says {report.verdict.status}"


def _conclusion(report: CheckReport) -> str:
    there = {f.status for f in report.findings}
    if "failed" in there:
        return "this record is not to be believed"
    if "weaker" in there:
        return "the gate was lowered; a waiver record on the base branch would allow it"
    if "stale" in there:
        return "this record does not stand for what checkout and base hold, or is of another version of lorarun"
    return "recomputed from the record and its evidence"


def _annotations(report: CheckReport) -> list[str]:
    from runner.verify.model import UNPROVEN

    levels = {"failed": "error", "weaker": "error", "stale": "error", "unchecked": "warning"}
    shown = [f for f in report.findings if f.status in levels and f.id != UNPROVEN]  # said of every record: no news
    lines = [_annotation(levels[f.status], f) for f in shown]
    level = "notice" if report.exit_code == ExitCode.SUCCESS else "error"
    return [*lines, f"::{level} title=lorarun check::{command_data(_result(report), 1000)}"]


def _annotation(level: str, finding: Finding) -> str:
    title = command_property(f"lorarun check: {finding.id}")
    return f"::{level} title={title}::{command_data(finding.message, 1000)}"


def _plain(report: CheckReport) -> dict[str, Any]:
    from runner.canonical import plain

    return {
        "format": CHECK_FORMAT,
        "record": report.record_id,
        "campaign": report.campaign,
        "exit_code": int(report.exit_code),
        "findings": plain(report.findings),
        "verdict": plain(report.verdict),
    }
