"""Commands about a spec's text: `validate` and what else needs no run."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.options import format_option
from runner.cli.project import find_root
from runner.errors import Diagnostic, ExitCode, InvalidError
from runner.models.fitting import check_fit
from runner.report.hostile import one_line
from runner.run.dependencies import check_dependencies
from runner.spec.diagnostics import FORMATS, ordered, render, summary
from runner.spec.inputs import check_inputs
from runner.spec.load import load_spec
from runner.spec.model import Spec


@click.command()
@click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path))
@format_option(*FORMATS, help="How findings are written.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a value over the spec's.")
@click.option("--no-inputs", is_flag=True, help="Leave data files and model folders alone.")
@click.option("--data", is_flag=True, help="Read all rows and images: duplicates, overlap of splits, broken files.")
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
def validate(
    specs: tuple[Path, ...],
    output_format: str,
    overrides: tuple[str, ...],
    no_inputs: bool,
    data: bool,
    strict: bool,
) -> int:
    """Check specs and their inputs; say every mistake with its line.

    Exit code 0 where all are valid, 3 otherwise. No model is loaded and nothing is downloaded.

    \b
      lorarun validate specs/demo.yaml
      lorarun validate specs/*.yaml --format github     annotations in a pull request
      lorarun validate specs/demo.yaml --set tunes.qwen-lora.train.epochs=1
      lorarun validate specs/demo.yaml --data           every row and picture, before hours are spent on them
    """
    found: list[Diagnostic] = []
    for path in specs:
        found += findings(path, overrides, with_inputs=not no_inputs, with_data=data)
    written = render(found, output_format)
    if written:
        click.echo(written, err=output_format == "text")
    failed = any(d.severity == "error" or strict for d in found)
    if output_format == "text":
        names = one_line(", ".join(path.as_posix() for path in specs))
        click.echo(f"{names}: {'not valid' if failed else 'valid'} ({summary(found)})", err=failed)
        if found:
            first = next((d for d in ordered(found) if d.severity == "error"), found[0])
            click.echo(f"`lorarun explain {first.code}` says what that means, with an example", err=True)
    return int(ExitCode.INVALID if failed else ExitCode.SUCCESS)


def findings(
    path: Path, overrides: tuple[str, ...], *, with_inputs: bool = True, with_data: bool = False
) -> list[Diagnostic]:
    """All errors and warnings about one spec and its inputs."""
    root = find_root(path)
    try:
        spec = load_spec(path, root, overrides=overrides)
    except InvalidError as error:
        return list(error.diagnostics)
    if not with_inputs:
        return list(spec.warnings)
    found = [*spec.warnings, *check_inputs(spec, root), *check_dependencies(spec, root), *check_fit(spec, root)]
    return found + (data_findings(spec, root) if with_data else [])


def data_findings(spec: Spec, root: Path) -> list[Diagnostic]:
    """What is wrong or odd in the data sets' rows and images, all of them read."""
    from runner.samples.prepare import prepare

    found: list[Diagnostic] = []
    for dataset in spec.datasets.values():
        try:
            found += prepare(dataset, root).findings
        except InvalidError as error:
            found += error.diagnostics or [Diagnostic("E404", error.message, path=dataset.path, help=error.help)]
    return found
