"""`clean`: remove outputs that nothing refers to."""

from __future__ import annotations

import sys

import click

from runner.cli.project import find_root
from runner.errors import ExitCode


@click.command()
@click.option("--yes", is_flag=True, help="Remove without asking.")
@click.option(
    "--unfinished",
    is_flag=True,
    help="Also what interrupted steps would resume from, and what is kept of images and frozen layers.",
)
def clean(yes: bool, unfinished: bool) -> int:
    """Remove step outputs that neither a record nor the newest run refers to.

    Prints what would go, and why, before it asks. What a record under ssot/ refers to is never touched. Where nobody
    can answer (no terminal) and --yes is not given, nothing is removed.

    \b
      lorarun clean                      asks first
      lorarun clean --yes --unfinished
    """
    from runner.run.project_lock import project_lock
    from runner.store.clean import removable, remove

    root = find_root()
    with project_lock(root):
        found = removable(root, unfinished=unfinished)
        for one in found:
            shown = one.path.relative_to(root).as_posix()
            click.echo(f"{one.size_bytes / 10**6:>9,.1f} MB  {shown}  ({one.reason})", err=True)
        if not found:
            click.echo("there is nothing to remove")
            return int(ExitCode.SUCCESS)
        if not yes and not (sys.stdin.isatty() and click.confirm(f"remove these {len(found)}?", err=True)):
            click.echo("nothing was removed; `--yes` removes it")
            return int(ExitCode.SUCCESS)
        freed = remove(root, found)
    click.echo(f"{len(found)} removed, {freed / 10**6:,.1f} MB freed")
    return int(ExitCode.SUCCESS)
