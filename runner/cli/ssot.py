"""`ssot log | show | verify | affected | export | correct | waive`: look into the records, and add remarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.canonical import readable_json
from runner.cli.options import format_option
from runner.cli.project import find_root
from runner.errors import ExitCode, UsageError
from runner.report.hostile import one_line

if TYPE_CHECKING:
    from runner.record.model import Record
    from runner.store.ssot import Stored


@click.group()
def ssot() -> None:
    """Look into the project's records.

    Every run that was judged is a file under ssot/records, named by its content and never changed; what its verdict
    rests on lies beside it under ssot/evidence.
    """


@ssot.command()
@click.argument("campaign", required=False)
@format_option()
def log(campaign: str | None, output_format: str) -> int:
    """List the records, newest first; of CAMPAIGN only, if given.

    \b
      lorarun ssot log
      lorarun ssot log demo
    """
    from runner.store.ssot import records

    found = [s for s in reversed(records(find_root())) if campaign in (None, s.record.campaign)]
    if output_format == "json":
        click.echo(readable_json([_entry(s) for s in found], indent=1))
    for one in found if output_format == "text" else ():
        click.echo(_line(one))
    if not found and output_format == "text":
        click.echo("no record yet; `lorarun apply SPEC` makes one", err=True)
    return int(ExitCode.SUCCESS)


@ssot.command(short_help="Print a record as JSON.")
@click.argument("record", required=False)
@click.option("--current", is_flag=True, help="The summary fields of each campaign's newest record, as JSON.")
def show(record: str | None, current: bool) -> int:
    """Print a RECORD (an id, its first digits or its file; a campaign or spec: its newest run) as JSON.

    Without RECORD it is the newest run.

    \b
      lorarun ssot show | jq .verdict
      lorarun ssot show --current     what a dashboard needs: each campaign's figures
    """
    from runner.canonical import plain
    from runner.store.find import find
    from runner.store.ssot import records

    root = find_root()
    if current:
        newest = {s.record.campaign: s for s in records(root) if s.record.kind == "campaign"}
        fields = {name: {"record": s.id, **s.record.summary} for name, s in sorted(newest.items())}
        click.echo(readable_json(fields, indent=1))
        return int(ExitCode.SUCCESS)
    one = find(root, record, records(root))
    click.echo(readable_json({"id": one.id, **plain(one.record)}, indent=1))
    return int(ExitCode.SUCCESS)


@ssot.command(short_help="Prove that records and evidence are as they were written.")
@click.option("--base", metavar="REF", help="Also prove that history was only added to since this commit.")
def verify(base: str | None) -> int:
    """Prove that every record and all evidence has the bytes that its name says, and that no parent is missing.

    \b
      lorarun ssot verify
      lorarun ssot verify --base origin/main     in CI: nothing was rewritten
    """
    from runner.store.ssot import evidence_problems, scan

    root = find_root()
    contents = scan(root)
    found = (*contents.problems, *evidence_problems(root, contents.stored))
    problems = [f"{p.path}: {p.message}" for p in found]
    if base is not None:
        from runner.verify.git import base_of
        from runner.verify.history import compare_history

        problems += [f.message for f in compare_history(root, base_of(root, base)) if f.status == "failed"]
    for problem in problems:
        click.echo(click.style(one_line(problem, 600), fg="red"), err=True)
    for help in dict.fromkeys(p.help for p in found if p.help):
        click.echo(f"  = help: {one_line(help, 600)}", err=True)
    click.echo(_verified(len(contents.stored), len(problems)))
    return int(ExitCode.INTEGRITY if problems else ExitCode.SUCCESS)


@ssot.command(short_help="List the specs that a gate has to check.")
@click.option("--base", metavar="REF", help="Only those that a change since this commit concerns.")
def affected(base: str | None) -> int:
    """List the specs that a gate has to check, one a line: those with a record, or that changed since REF.

    A change concerns a spec by its own file, the files it includes, its lock, data, models and records. What belongs to
    no spec and is no document (*.md, docs/) concerns every spec that has a record.

    \b
      lorarun ssot affected --base origin/main
    """
    from runner.verify.affected import affected as find_affected
    from runner.verify.git import base_of

    root = find_root()
    for path in find_affected(root, base_of(root, base) if base is not None else None):
        click.echo(path)
    return int(ExitCode.SUCCESS)


@ssot.command()
@click.argument("record", required=False)
@click.option("--model-index", "kind", flag_value="model-index", help="Results for a model card, as YAML.")
@click.option("--in-toto", "kind", flag_value="in-toto", help="An unsigned in-toto test-result statement.")
@click.option("--csv", "kind", flag_value="csv", help="Every measure of every record (or of RECORD), a line each.")
def export(record: str | None, kind: str | None) -> int:
    """Print a RECORD (default: the newest run) in another format, to stdout.

    \b
      lorarun ssot export --csv > measures.csv
      lorarun ssot export 3c23c7212e58 --model-index
    """
    from runner.record import export as formats
    from runner.store.find import find_run
    from runner.store.ssot import record_path, records

    if kind is None:
        raise UsageError("which format?", help="--model-index, --in-toto or --csv")
    root = find_root()
    stored = records(root)
    one = find_run(root, record, stored)
    if kind == "csv":
        runs = [one] if record else [s for s in stored if s.record.kind == "campaign"]
        click.echo(formats.to_csv([(s.id, s.record) for s in runs]), nl=False)
    elif kind == "model-index":
        click.echo(formats.model_index((one.id, one.record)), nl=False)
    else:
        click.echo(formats.in_toto((one.id, one.record), record_path(root, one.id).read_bytes()), nl=False)
    return int(ExitCode.SUCCESS)


REASON = click.option("--reason", required=True, help="Why, for those who read it later.")
BY = click.option("--by", "author", required=True, help="Who says so.")


@ssot.command()
@click.argument("records", nargs=-1, required=True)
@REASON
@BY
def correct(records: tuple[str, ...], reason: str, author: str) -> int:
    """Record that something about RECORDS was wrong. They stay as they are; `check` shows the correction with them.

    \b
      lorarun ssot correct 3c23c7212e58 --reason "the test split held training rows" --by Kim
    """
    from runner.record.remark import correction
    from runner.store.find import find
    from runner.store.ssot import records as stored_in

    root = find_root()
    stored = stored_in(root)
    found = [find(root, name, stored) for name in records]
    return _append(correction(found[0].record.campaign, [s.id for s in found], reason=reason, author=author))


@ssot.command(short_help="Allow what a change to a spec lowers.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--for", "ref", required=True, metavar="REF", help="The branch or commit that lowers thresholds.")
@REASON
@BY
def waive(spec: Path, ref: str, reason: str, author: str) -> int:
    """Allow the thresholds of SPEC that REF lowers: run it in a checkout of the base branch, and commit the record.

    A change cannot allow itself: `check --base` counts only waivers that are on the base, for exactly that policy. A
    spec that REF takes away is let go in the same way.

    \b
      lorarun ssot waive specs/demo.yaml --for origin/lower-target --reason "see the ticket" --by Kim
    """
    from runner.plan.digests import policy_digest
    from runner.record.remark import waiver
    from runner.verify.base import lowered_by

    after, found = lowered_by(find_root(spec), spec, ref)
    name = after.metadata.name
    if not found:
        raise UsageError(f"{ref} lowers no threshold of `{name}`: there is nothing to allow")
    for one in found:
        click.echo(f"allowed: {one.place}: {one.message}", err=True)
    allows = [one.place for one in found]
    return _append(waiver(name, policy_digest(after), allows, reason=reason, author=author))


def _verified(records: int, wrong: int) -> str:
    """The last line of `verify`."""
    said = f"{records} record{'' if records == 1 else 's'}"
    if wrong:
        return f"{said}; {wrong} thing{' is' if wrong == 1 else 's are'} wrong"
    its = "its" if records == 1 else "their"
    return f"{said} and {its} evidence are as they were written"


def _append(record: Record) -> int:
    from runner.store.ssot import Stored, append, files_of

    name = append(find_root(), record, ())
    click.echo(f"next    git add {' '.join(files_of(Stored(name, record)))}", err=True)
    click.echo(name)
    return int(ExitCode.SUCCESS)


def _line(one: Stored) -> str:
    record = one.record
    status = str(record.verdict.get("status", "")) if record.kind == "campaign" else record.kind
    reason = record.verdict.get("reason") or record.body.get("reason", "")
    name, status = one_line(record.campaign, 30), one_line(status, 14)
    return f"{one.id[:12]}  {record.created}  {name:<16} {status:<13} {one_line(reason, 100)}"


def _entry(one: Stored) -> dict[str, object]:
    record = one.record
    return {
        "id": one.id,
        "kind": record.kind,
        "campaign": record.campaign,
        "created": record.created,
        "parents": list(record.parents),
        "verdict": record.verdict.get("status"),
        "recipe": record.recipe_digest,
        "policy": record.policy_digest,
        "path": (Path("ssot/records") / f"{one.id}.json").as_posix(),
    }
