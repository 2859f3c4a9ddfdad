"""`lorarun data`: bring data into the project, and check it."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.project import find_root
from runner.errors import UsageError
from runner.report.hostile import one_line


@click.group()
def data() -> None:
    """Bring data into the project."""


@data.command(name="import")
@click.argument("source")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--revision", default="main", show_default=True, help="Branch, tag or commit of a hub data set.")
@click.option("--split", "splits", multiple=True, metavar="NAME=GLOB", help="Files of a split; told by name without.")
def import_(source: str, folder: Path, revision: str, splits: tuple[str, ...]) -> None:
    """Copy SOURCE into the new FOLDER: one JSONL file a split, embedded images as files.

    SOURCE is `hf:owner/name` or a local JSONL, CSV (UTF-8 or CP949) or Parquet file, or a folder of them. The commit
    and the files' digests are kept in FOLDER/source.json. Prints what to write into the spec.

    \b
      lorarun data import hf:owner/name data/news
      lorarun data import 자료.csv data/자료 --split test=자료.csv
    """
    from runner.scaffold.data_import import import_data, snippet

    chosen = dict(_named(text) for text in splits)
    imported = import_data(source, folder, revision=revision, splits=chosen)
    counts = ", ".join(f"{split} {n:,}" for split, n in imported.rows.items())
    click.echo(f"{one_line(imported.source)} → {folder}: {counts} rows", err=True)
    click.echo("\n".join(snippet(imported, folder.resolve().name, find_root())))


def _named(text: str) -> tuple[str, str]:
    name, equals, pattern = text.partition("=")
    if not (equals and name.isidentifier() and pattern):
        raise UsageError(f"`--split {text}` is not NAME=GLOB")
    return name, pattern
