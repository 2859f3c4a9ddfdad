"""Commands that write specs: `init`, `fmt` and `migrate`."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from runner.errors import Diagnostic, ExitCode, InvalidError
from runner.files import read_text, write_text
from runner.scaffold.fmt import format_text
from runner.scaffold.init import GATE, TEMPLATES, repository_around
from runner.scaffold.init import init as begin
from runner.scaffold.migrate import migrate as migrated
from runner.spec.diagnostics import render
from runner.spec.yaml_text import MAX_BYTES


@click.command()
@click.argument("specs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit 4 where a spec would change.")
@click.option("--diff", is_flag=True, help="Show what would change, and write nothing.")
def fmt(specs: tuple[Path, ...], check: bool, diff: bool) -> int:
    """Bring specs into one form; values and comments stay as they are.

    Two spaces for each level, sections in the order of docs/spec.md, one blank line at most, LF, NFC.

    \b
      lorarun fmt specs/demo.yaml
      lorarun fmt --check specs/*.yaml      in CI
    """
    found: list[Diagnostic] = []
    changed: list[Path] = []
    for path in specs:
        try:
            before = read_text(path, max_bytes=MAX_BYTES)
            after = format_text(path.as_posix(), before)
        except InvalidError as error:
            found += error.diagnostics or [Diagnostic("E016", error.message, path=path.as_posix(), help=error.help)]
            continue
        if after != before:
            changed.append(path)
            _show(path, before, after, diff=diff, write=not (check or diff))
    if found:
        click.echo(render(found, "text"), err=True)
        return int(ExitCode.INVALID)
    return int(ExitCode.CHANGED if changed and check else ExitCode.SUCCESS)


def _show(path: Path, before: str, after: str, *, diff: bool, write: bool) -> None:
    if diff:
        lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), str(path), f"{path} formatted")
        click.echo("".join(lines), nl=False)
    if write:
        write_text(path, after)
    click.echo(f"{path}: {'formatted' if write else 'would change'}", err=True)


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit 4 where the spec is of an older language.")
def migrate(spec: Path, check: bool) -> int:
    """Rewrite a spec of an older language in today's; comments stay.

    \b
      lorarun migrate specs/old.yaml
    """
    text = read_text(spec, max_bytes=MAX_BYTES)
    result = migrated(spec.as_posix(), text)
    if not result.changes:
        click.echo(f"{spec}: is of today's language")
        return int(ExitCode.SUCCESS)
    for change in result.changes:
        click.echo(f"{spec}: {change}")
    if check:
        return int(ExitCode.CHANGED)
    write_text(spec, result.text)
    return int(ExitCode.SUCCESS)


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--template", type=click.Choice(TEMPLATES), default="text", show_default=True, help="What to begin with.")
@click.option("--name", default="", help="The campaign's name; the folder's where it is left out.")
def init(folder: Path, template: str, name: str) -> int:
    """Begin a campaign in FOLDER: a commented spec, sample data, git's files, a CI workflow.

    Files that are there already are kept as they are, and named.

    \b
      lorarun init --template text
      lorarun init my-campaign --template chain
    """
    made = begin(folder, template, name=name)
    for path in made.written:
        click.echo(f"wrote  {(folder / path).as_posix()}")
    for path in made.kept:
        click.echo(f"kept   {(folder / path).as_posix()} (it was there)", err=True)
    where = "" if folder == Path() else f"cd {folder.as_posix()} && "
    click.echo(f"next:  {where}lorarun validate {made.spec}")
    if GATE in made.written:
        click.echo(f"       for CI: fill in LORARUN_SOURCE in {(folder / GATE).as_posix()}; until then its runs fail")
    around = repository_around(folder)
    if around:
        _say_where_ci_looks(around, folder.resolve())
    return int(ExitCode.SUCCESS)


def _say_where_ci_looks(repository: Path, folder: Path) -> None:
    """A campaign inside of another repository: its workflow would never run there."""
    below = folder.relative_to(repository).as_posix()
    click.echo(
        f"warning: this is a folder of the git repository `{repository}`, and GitHub runs workflows\n"
        f"         at its top only. Make it a repository of its own (`git init`), or move {below}/.github/ to the top\n"
        f"         and write `LORARUN_FOLDER: {below}` in its lorarun.yml (docs/ci.md).",
        err=True,
    )
