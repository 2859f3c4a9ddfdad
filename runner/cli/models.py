"""`lorarun lock` and `lorarun fetch`: what a spec leaves open, and what is not on this machine yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from runner.cli.project import find_root
from runner.errors import ExitCode
from runner.report.hostile import one_line
from runner.spec.load import load_spec
from runner.spec.model import ModelSpec

SPEC = click.argument("spec", type=click.Path(path_type=Path))


@click.command()
@SPEC
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit 4 where the lock and this machine differ."
)
def lock(spec: Path, only_check: bool) -> int:
    """Pin what SPEC leaves open in a file beside it: specs/demo.yaml → specs/demo.lock.

    It holds the commits of hub models, the digests of weights and data, and the environment class. Keep it in git:
    who has the same lock has the same inputs. A model that is not on this machine is locked by name only; `lorarun
    fetch` brings it.

    \b
      lorarun lock specs/demo.yaml
      lorarun lock specs/demo.yaml --check     in CI
    """
    from runner.models.lock import compare, lock_path, read_lock, write_lock
    from runner.run.lockfile import settled
    from runner.run.survey import survey

    root = find_root(spec)
    loaded = load_spec(spec, root)
    path = root / lock_path(loaded.path)
    old = read_lock(path)
    new = settled(loaded, survey(loaded, root), locked=old)
    differences = compare(old, new) if old else ()
    for difference in differences:
        click.echo(one_line(difference))
    for name, model in new.models.items():
        if not model.digest:
            click.echo(f"models.{name}: `{one_line(model.path)}` is not on this machine, so its weights are not pinned")
    if only_check:
        missing = old is None
        click.echo(f"{one_line(path.name)}: {'missing' if missing else f'{len(differences)} differences'}", err=True)
        return int(ExitCode.CHANGED if missing or differences else ExitCode.SUCCESS)
    if old != new:
        write_lock(path, new)
    click.echo(f"{one_line(path.relative_to(root))} {'written' if old != new else 'is up to date'}", err=True)
    return int(ExitCode.SUCCESS)


@click.command()
@SPEC
@click.option("--update", is_flag=True, help="Take the newest commit of each revision, whatever is locked or here.")
def fetch(spec: Path, update: bool) -> int:
    """Bring the hub models of SPEC into the Hugging Face cache, and its hub data sets into the project.

    `lorarun apply` does it by itself.

    Of a model only what the packages read comes; a fetch that was ended goes on where it stopped, and the checkpoint is
    vetted. A data set comes whole or not at all, anew where the spec's source or revision changed; a file of it that
    you edited is never replaced. Every file is compared with the hub's digest. HF_TOKEN, HTTPS_PROXY and HF_ENDPOINT
    are honoured.

    \b
      lorarun fetch specs/ticket019.yaml
    """
    from runner.models.locate import find_checkpoint
    from runner.models.lock import lock_path, pinned_commit, read_lock
    from runner.run.bringing_data import bring_data
    from runner.run.signals import resumable
    from runner.samples.hub_id import is_hub_id

    root = find_root(spec)
    loaded = load_spec(spec, root)
    locked = None if update else read_lock(root / lock_path(loaded.path))
    commits = {model.id: pinned_commit(model, locked) for model in loaded.models.values()}
    wanted = []
    for model in loaded.models.values():
        found = None if update else find_checkpoint(model, root, commit=commits[model.id])
        if found is not None or not is_hub_id(model.path):
            click.echo(f"{model.id}: here ({one_line(found.folder if found else model.path)})")
        else:
            wanted.append(model)
    with resumable(f"lorarun fetch {one_line(spec)}"):
        _fetch(wanted, commits)
        bring_data(loaded, root, lambda event: click.echo(one_line(event["text"])), update=update)
    click.echo(f"next: lorarun apply {one_line(spec)}", err=True)
    return int(ExitCode.SUCCESS)


def _fetch(wanted: Sequence[ModelSpec], commits: dict[str, str]) -> None:
    from runner.cli import progress
    from runner.run.bringing import bring_at

    view = progress.choose("text")
    try:
        came = bring_at(wanted, commits, view)
    finally:
        view.close()
    for name, fetched in came.items():
        click.echo(f"{name}: fetched commit {fetched.checkpoint.commit} into {one_line(fetched.checkpoint.folder)}")
