"""`lorarun doctor`: what this machine has, and what would be better."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from runner.canonical import readable_json
from runner.cli.options import format_option
from runner.cli.project import find_root
from runner.doctor.finding import Finding
from runner.doctor.table import examine
from runner.report.hostile import one_line

FORMAT = "lorarun/doctor/v1"
_MARKS = {
    "ok": ("ok", "green"),
    "note": ("note", "cyan"),
    "warning": ("warning", "yellow"),
    "problem": ("problem", "red"),
}


@click.command()
@format_option(help="json: one finding a line.")
def doctor(output_format: str) -> None:
    """Say what this machine has, and what would make campaigns faster, safer or possible.

    Looks at package versions, backend, BLAS, memory, disk, file system, locks, the hub, power, display and GPU.
    Nothing is changed, MLX is not loaded, and the exit code is 0 whatever is found. HF_HUB_OFFLINE=1 keeps it
    off the network.

    \b
      lorarun doctor
      lorarun doctor --format json | jq 'select(.level == "problem")'
    """
    findings = examine(find_root())
    if output_format == "json":
        click.echo(json.dumps({"format": FORMAT}))
        for finding in findings:
            click.echo(readable_json(asdict(finding)))
        return
    for finding in findings:
        click.echo(_shown(finding))
    worse = sum(f.level in {"warning", "problem"} for f in findings)
    click.echo(f"\n{len(findings)} findings, {worse} to look at" if worse else f"\n{len(findings)} findings, all well")


def _shown(finding: Finding) -> str:
    word, colour = _MARKS[finding.level]
    note = "  [not verified on a Mac]" if finding.unverified else ""
    text = f"{click.style(f'{word:>7}', fg=colour)}  {finding.id:<18} {one_line(finding.text)}{note}"
    return f"{text}\n{'':>9}{'':<18} → {one_line(finding.remedy)}" if finding.remedy else text
