"""`lorarun export`: tuned models as folders that other programs load."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.options import format_option
from runner.cli.project import find_root
from runner.errors import ExitCode, UsageError
from runner.report.hostile import one_line
from runner.run.finished import finished_run


@click.group()
def export() -> None:
    """Take tuned models out of the project."""


@export.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--run", "run_name", default="", help="A record, a campaign or a spec; the newest run without it.")
@click.option("--tune", "tunes", multiple=True, metavar="ID", help="This tune only; may be given again.")
@format_option("mlx", "peft", help="Of the adapter.")
@click.option("--fuse", is_flag=True, help="Fold the adapter into a copy of its base model.")
@click.option("--dequantize", is_flag=True, help="With --fuse: write plain weights where the base is quantized.")
@click.option("--base", default="", metavar="ID", help="With --format peft: the base model's name there.")
def adapters(
    folder: Path, run_name: str, tunes: tuple[str, ...], output_format: str, fuse: bool, dequantize: bool, base: str
) -> int:
    """Write one folder a tune into the new FOLDER, each with a model card: verdict, figures, data, how to load it.

    The folders load with mlx_lm and mlx_vlm (`adapter_path`). `--format peft` converts a text model's adapter and
    compares what each module adds. `--fuse` writes whole models; each is loaded anew and compared, and refused where
    rounding would undo the tuning. Adapters are compared with the record first.

    \b
      lorarun export adapters out/adapters
      lorarun export adapters out/peft --tune llama-lora --format peft --base meta-llama/Llama-3.2-3B-Instruct
      lorarun export adapters out/models --fuse
    """
    from runner.scaffold.export import ExportOptions, export_models

    if fuse and output_format == "peft":
        raise UsageError("`--fuse` and `--format peft` exclude each other")
    if dequantize and not fuse:
        raise UsageError("`--dequantize` goes with `--fuse`")
    run = finished_run(find_root(), run_name)
    options = ExportOptions(tunes=tunes, form=output_format, fuse=fuse, dequantize=dequantize, base=base)
    made = export_models(run, folder, options)
    verdict = str(run.stored.record.verdict.get("status", "unknown"))
    for one in made:
        click.echo(f"{one_line(one.subject.tune)}: {one_line(one.folder)}")
        for note in one.subject.notes:
            click.echo(f"  {one_line(note)}", err=True)
    if verdict != "PASS":
        click.echo(f"warning: the verdict of record {run.stored.id[:12]} is {one_line(verdict)}", err=True)
    return int(ExitCode.SUCCESS)
