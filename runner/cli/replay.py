"""`replay`: run the steps of a record again and compare what they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from runner.canonical import readable_json
from runner.cli.options import format_option
from runner.cli.project import find_root
from runner.report.hostile import one_line

if TYPE_CHECKING:
    from runner.verify.replay import Replay

REPLAY_FORMAT = "lorarun/replay/v1"
WORDS = {"identical": "bit-identical", "close": "within tolerance", "different": "different"}


@click.command()
@click.argument("record", metavar="RECORD")
@click.option("--steps", multiple=True, metavar="PATTERN", help="Only these steps, such as `tune/*`; may be repeated.")
@click.option("--other-environment", is_flag=True, help="Compare though the environment class is another one.")
@click.option("--as-recorded", is_flag=True, help="Replay the record's spec though the checkout's is another one.")
@click.option("--lock-timeout", type=float, default=0.0, metavar="SECONDS", help="Wait so long for another run to end.")
@format_option()
def replay(
    record: str,
    steps: tuple[str, ...],
    other_environment: bool,
    as_recorded: bool,
    lock_timeout: float,
    output_format: str,
) -> int:
    """Run the steps of RECORD again and compare digests: bit-identical, within tolerance, or different.

    RECORD is an id, its first digits or its file; a campaign or a spec: its newest run. Steps run in a folder of their
    own; artifacts/ and ssot/ stay as they are. Inputs that are on this machine as they were recorded are taken from
    there, others are made first.

    Tensors are compared by their greatest difference, answers by the share that is equal, scores by their values.

    \b
    Exit codes: 0 bit-identical or within tolerance; 4 different, or spec, data, models, code or environment are not
    those of the record.

    \b
      lorarun replay 3c23c7212e58                      the whole campaign
      lorarun replay 3c23c7212e58 --steps 'tune/*'     only the tunings
    """
    from runner.cli import progress
    from runner.verify.replay import ReplayOptions
    from runner.verify.replay import replay as run_replay

    options = ReplayOptions(
        steps=steps,
        other_environment=other_environment,
        as_recorded=as_recorded,
        lock_timeout_seconds=lock_timeout,
    )
    view = progress.choose(output_format)
    try:
        found = run_replay(find_root(), record, options, view)
    finally:
        view.close()
    if output_format == "json":
        click.echo(readable_json(_plain(found)))
    else:
        _say(found)
    return int(found.exit_code)


def _say(found: Replay) -> None:
    for place in found.environment:
        click.echo(f"environment  {one_line(place, 200)}", err=True)
    for step in found.helpers:
        click.echo(f"inputs       {one_line(step, 200)} ran first: its outputs were not on this machine", err=True)
    for replayed in found.steps:
        click.echo(f"{WORDS[replayed.status]:<17}{one_line(replayed.id, 200)}", err=True)
        for output in replayed.outputs:
            if output.status != "identical":
                said = f"{output.name}: {output.detail}"
                click.echo(f"{'':<17}  {WORDS[output.status]}: {one_line(said, 400)}", err=True)
    if found.kept:
        click.echo(f"what was made is kept in {found.kept}", err=True)
    equal = sum(s.status == "identical" for s in found.steps)
    click.echo(
        f"REPLAY: {WORDS[found.status]} — {equal} of {len(found.steps)} steps bit-identical, {found.seconds:.1f} s"
    )


def _plain(found: Replay) -> dict[str, Any]:
    return {
        "format": REPLAY_FORMAT,
        "event": "replay",
        "record": found.record_id,
        "campaign": found.campaign,
        "status": found.status,
        "exit_code": int(found.exit_code),
        "steps": [
            {
                "id": s.id,
                "status": s.status,
                "outputs": [{"name": o.name, "status": o.status, "detail": o.detail} for o in s.outputs],
            }
            for s in found.steps
        ],
        "helpers": list(found.helpers),
        "environment": list(found.environment),
        "kept": found.kept or None,
        "seconds": found.seconds,
    }
