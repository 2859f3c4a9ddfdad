"""`lorarun data`: bring data into the project, and look at it as a model will."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from runner.cli.project import find_root
from runner.errors import ExitCode, UsageError
from runner.files import write_text
from runner.report.hostile import one_line
from runner.scaffold.importing.data_import import Imported, ImportOptions, import_data
from runner.scaffold.importing.grouping import Shares
from runner.scaffold.importing.import_words import columns_told, counts_told, preview_told, snippet
from runner.scaffold.importing.xlsx import Reading
from runner.spec.diagnostics import render
from runner.spec.load import load_spec


@click.group()
def data() -> None:
    """Bring data into the project, and look at it as a model will."""


@data.command(name="import", short_help="Turn tables, pictures or a hub data set into rows of the project.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--out", type=click.Path(path_type=Path), help="The new folder. Without it nothing is written.")
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="What a column is; `-` leaves it out.")
@click.option("--ratio", default="80/10/10", show_default=True, help="Parts for train, valid and test.")
@click.option("--seed", type=click.IntRange(0), default=19, show_default=True, help="Of the split.")
@click.option("--split", "splits", multiple=True, metavar="NAME=GLOB", help="Tables of a split; told by name without.")
@click.option("--resplit", is_flag=True, help="Split anew, whatever the source says of splits.")
@click.option("--sheet", default="", help="Of a spreadsheet; without it the first visible one.")
@click.option(
    "--formulas",
    type=click.Choice(["text", "values"]),
    default="text",
    show_default=True,
    help="Cells with a formula: as it is written, or its last value.",
)
@click.option("--max-side", type=click.IntRange(32, 16384), default=2048, show_default=True, help="Pixels.")
@click.option("--no-originals", is_flag=True, help="Keep no copy of pictures that had to be changed.")
@click.option("--revision", default="main", show_default=True, help="Branch, tag or commit of a hub data set.")
def import_(
    sources: tuple[str, ...],
    out: Path | None,
    maps: tuple[str, ...],
    ratio: str,
    seed: int,
    splits: tuple[str, ...],
    resplit: bool,
    sheet: str,
    formulas: str,
    max_side: int,
    no_originals: bool,
    revision: str,
) -> None:
    """Copy SOURCEs into a new folder: one JSONL file a split, pictures as files, and where each came from.

    A SOURCE is a table (.xlsx, .csv in UTF-8 or CP949, .jsonl, .parquet), a folder of pictures that a table names, a
    folder of folders named for what their pictures show, or `hf:owner/name`. Fields are id, document, image, question,
    text, answer, facts and split; other columns keep their names. Rows of one document stay in one split, as do rows
    with the same picture or nearly the same text. Prints what to write into the spec.

    \b
      lorarun data import 검수.xlsx 사진/                      look: which column is what, five rows
      lorarun data import 검수.xlsx 사진/ --out data/검수
      lorarun data import news.csv --map 기사=text --map 한줄=answer --map 연락처=- --out data/news
      lorarun data import hf:owner/name --out data/name
    """
    options = ImportOptions(
        maps=maps,
        revision=revision,
        splits=dict(_named(text) for text in splits),
        shares=Shares.parse(ratio),
        seed=seed,
        resplit=resplit,
        reading=Reading(sheet, formulas),
        max_side=max_side,
        keep_originals=not no_originals,
    )
    _tell(import_data(sources, out, options), sources)


@data.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.argument("dataset")
@click.option("--split", default="train", show_default=True, help="train, valid or test.")
@click.option("--rows", type=click.IntRange(1, 200), default=8, show_default=True, help="So many, evenly spread.")
@click.option("--model", default="", metavar="ID", help="To read with; by default the one that is tuned on it.")
@click.option("--out", type=click.Path(path_type=Path), help="The page; by default below artifacts/.")
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
def show(spec: Path, dataset: str, split: str, rows: int, model: str, out: Path | None, opened: bool) -> int:
    """Write a page of samples of DATASET as a model of SPEC will see them.

    Each row's prompt after the chat template, token by token, what is supervised, and its pictures after the model's
    own preprocessing. Only tokenizer and processor are loaded. The page needs no network.

    \b
      lorarun data show specs/demo.yaml tickets --open
    """
    from runner.report.samples_page import samples_page
    from runner.run.showing import shown

    root = find_root(spec)
    loaded = load_spec(spec, root)
    path = out or root / "artifacts" / loaded.metadata.name / f"{dataset}.{split}.html"
    with shown(loaded, root, dataset, split=split, count=rows, model=model) as found:
        write_text(path, samples_page(found, root, language=loaded.metadata.language))
        click.echo(f"{len(found.rows)} of {found.of:,} rows, as {one_line(found.model)} reads them", err=True)
    here = Path.cwd().resolve()
    click.echo(one_line(path.relative_to(here) if path.is_relative_to(here) else path))
    if opened:
        click.launch(path.resolve().as_uri())
    return int(ExitCode.SUCCESS)


def _tell(made: Imported, sources: tuple[str, ...]) -> None:
    click.echo("\n".join(["columns:", *columns_told(made), "rows:", *preview_told(made)]), err=True)
    if made.findings:
        click.echo(render(made.findings, "text"), err=True)
    if made.folder is None:
        again = " ".join(shlex.quote(one_line(s)) for s in sources)
        click.echo(f"nothing was written: `lorarun data import {again} --out data/NAME` imports it", err=True)
        return
    click.echo("\n".join(counts_told(made)), err=True)
    click.echo("\n".join(snippet(made, made.folder.resolve().name, find_root())))


def _named(text: str) -> tuple[str, str]:
    name, equals, pattern = text.partition("=")
    if not (equals and name.isidentifier() and pattern):
        raise UsageError(f"`--split {text}` is not NAME=GLOB")
    return name, pattern
