"""`plan`, `apply` and `status`."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.canonical import readable_json
from runner.cli.options import format_option
from runner.cli.project import find_root
from runner.errors import ExitCode, InvalidError, UsageError, worst
from runner.models.fitting import check_fit
from runner.report.hostile import one_line
from runner.run.dependencies import check_dependencies
from runner.spec.diagnostics import render
from runner.spec.inputs import check_inputs
from runner.spec.load import load_spec
from runner.spec.model import Spec
from runner.spec.provenance import resolved_text

if TYPE_CHECKING:
    from runner.run.campaign import Options, Outcome, Planned
    from runner.run.saved import SavedPlan

SPEC = click.argument("spec", type=click.Path(path_type=Path))
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a value of the spec; recorded."
)
FORMAT = format_option(help="json: data for programs; of a run one event a line.")
TARGET = click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="STEP",
    help="Only this step and what it needs; an id of `lorarun plan` or a pattern such as 'tune/*'. May be repeated.",
)


def load_checked(path: Path, root: Path, overrides: tuple[str, ...]) -> Spec:
    """The spec, with its inputs looked at; warnings go to stderr.

    Raises:
        InvalidError: with every finding.
    """
    spec = load_spec(path, root, overrides=overrides)
    found = (*spec.warnings, *check_inputs(spec, root), *check_dependencies(spec, root), *check_fit(spec, root))
    if any(d.severity == "error" for d in found):
        raise InvalidError.of(found)
    if found:
        click.echo(render(found, "text"), err=True)
    return spec


@click.command()
@SPEC
@SET
@format_option("text", "json", "mermaid", help="A tree, data for programs (docs/plan.md), or a diagram for Markdown.")
@TARGET
@click.option("--explain", "explained", metavar="STEP", help="Tell all about one step: key, inputs, reasons, memory.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 4 when something would run, 0 when nothing would.")
@click.option("--show-resolved", is_flag=True, help="Print the resolved spec with where each value came from.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE.json", help="Save it for `lorarun apply FILE.json`."
)
def plan(
    spec: Path,
    overrides: tuple[str, ...],
    output_format: str,
    targets: tuple[str, ...],
    explained: str | None,
    detailed_exitcode: bool,
    show_resolved: bool,
    out: Path | None,
) -> int:
    """Show the steps SPEC leads to: cached, or to be run and why; with the time, memory and disk that they will take.

    Nothing is run and nothing is written but a cache of digests, and FILE.json where it is asked for. `+` runs, `~`
    runs after its inputs, a step without a mark is cached. Times are those of earlier steps on this machine.

    \b
      lorarun plan specs/demo.yaml
      lorarun plan specs/demo.yaml --target tune/qwen-lora      that step and what it needs
      lorarun plan specs/demo.yaml --explain tune/qwen-lora     every reason, input and setting
      lorarun plan specs/demo.yaml --format mermaid > plan.mmd
      lorarun plan specs/demo.yaml --detailed-exitcode          in CI: 4 where something would run
    """
    from runner.run.campaign import Options, plan_campaign
    from runner.run.saved import saved_plan, write_plan

    root = find_root(spec)
    if out is not None and out.suffix != ".json":
        raise UsageError(f"`--out {out}` does not end in .json, as `lorarun apply` knows a plan")
    if show_resolved:
        click.echo(resolved_text(load_spec(spec, root, overrides=overrides)), nl=False)
        return int(ExitCode.SUCCESS)
    loaded = load_checked(spec, root, overrides)
    planned = plan_campaign(loaded, root, Options(targets=targets))
    if out is not None:
        write_plan(out, saved_plan(loaded, planned.plan, planned.survey.known, targets=targets))
    click.echo(_shown(loaded, root, planned, output_format, explained))
    for model in planned.survey.absent:
        about = f"model `{model.id}`: `{model.path}` is not on this machine, its facts are the shipped ones"
        click.echo(f"note: {one_line(about)}; `lorarun apply` and `lorarun fetch` bring it", err=True)
    return int(ExitCode.CHANGED if detailed_exitcode and planned.plan.to_run else ExitCode.SUCCESS)


def _shown(spec: Spec, root: Path, planned: Planned, output_format: str, explained: str | None) -> str:
    """The plan, or one step of it, as it was asked for."""
    from runner.cli.plan_explain import explain_step
    from runner.cli.plan_json import plan_json
    from runner.cli.plan_mermaid import plan_mermaid
    from runner.cli.plan_text import plan_text
    from runner.plan.choose import named
    from runner.run.outlook import outlook
    from runner.run.real_rows import of_plan

    if output_format == "mermaid" and not explained:
        return plan_mermaid(planned.plan)
    real_rows = of_plan(planned.whole, planned.plan, planned.survey.artifacts)
    seen = outlook(spec, root, planned.plan, planned.survey, real_rows=real_rows)
    if explained:
        if output_format != "text":
            raise UsageError("`--explain` gives text", help="leave out `--format`: `--format json` has all steps")
        wanted = named(planned.steps, [explained])
        told = {s.id: real_rows.of(s) for s in planned.steps if s.id in wanted}
        of_rows = {step: f"{found.said}; nothing is chosen by it" if found else "" for step, found in told.items()}
        return "\n\n".join(explain_step(spec, planned, seen, step, of_rows=of_rows[step]) for step in wanted)
    if output_format == "json":
        return readable_json(plan_json(planned.plan, seen), indent=1)
    return plan_text(planned.plan, seen, now=datetime.now().astimezone())


@click.command()
@SPEC
@SET
@FORMAT
@TARGET
@click.option(
    "--force", "force", multiple=True, metavar="STEP", help="Run it again, whatever is cached: an id or a pattern."
)
@click.option(
    "--rerun-changed-environment",
    "environment_change",
    flag_value="rerun",
    default="ask",
    help="Run steps again whose environment alone changed.",
)
@click.option("--keep", "environment_change", flag_value="keep", help="Keep outputs whose environment alone changed.")
@click.option("--lock-timeout", type=float, default=0.0, metavar="SECONDS", help="Wait so long for another run to end.")
@click.option("--offline", is_flag=True, help="Fetch no model and no data; say what is missing.")
@click.option("--locked", is_flag=True, help="Run only with the inputs that the spec's lock holds; else exit 4.")
@click.option(
    "--adapt",
    is_flag=True,
    help="Run a tuning that ran out of memory anew, smaller, at most twice; the record says so.",
)
@click.option("--repair", is_flag=True, help="Set damaged outputs aside and make them again.")
@click.option("--rehearse-only", is_flag=True, help="Stop when every model was rehearsed; say how long the rest takes.")
@click.option("--open", "opened", is_flag=True, help="Open the report when it is written.")
@click.option("--notify/--no-notify", default=None, help="A desktop notification at the end; by default on a terminal.")
def apply(
    spec: Path,
    overrides: tuple[str, ...],
    output_format: str,
    targets: tuple[str, ...],
    force: tuple[str, ...],
    environment_change: str,
    lock_timeout: float,
    offline: bool,
    locked: bool,
    adapt: bool,
    repair: bool,
    rehearse_only: bool,
    opened: bool,
    notify: bool | None,
) -> int:
    """Run SPEC: steps that are not cached, then the verdict, the record and the reports.

    Hub models and data sets that are not on this machine are fetched first, after their sizes were said and held
    against the disk; a model's fetch that was ended goes on where it stopped. `--offline` or HF_HUB_OFFLINE=1
    forbids it.

    SPEC may be a plan that `lorarun plan --out FILE.json` saved; it is refused when anything changed since.

    The exit code is the verdict: 0 PASS, 6 FAIL, 7 INCONCLUSIVE, 5 a step failed. Ctrl-C once saves the running
    step's state; the same command goes on from there. With --target nothing is judged or recorded: 0 says that the
    steps are made.

    \b
      lorarun apply specs/demo.yaml
      lorarun apply specs/demo.yaml --rehearse-only          minutes: what would fail in hours
      lorarun apply specs/demo.yaml --open                   the report, when it is written
      lorarun apply specs/demo.yaml --target tune/qwen-lora
      lorarun apply specs/demo.yaml --set tunes.qwen-lora.train.epochs=1
    """
    from runner.run.campaign import Options

    saved = _saved(spec, edited=any((overrides, force, targets, rehearse_only)), adapt=adapt, locked=locked)
    root = find_root(None if saved else spec)
    wanted = ("rehearse/*",) if rehearse_only else saved.targets if saved else targets
    options = Options(
        force=frozenset(force),
        environment_change=environment_change,
        lock_timeout_seconds=lock_timeout,
        repair=repair,
        locked=locked,
        saved=saved,
        targets=wanted,
        adapt=adapt,
        offline=offline,
    )
    loaded = load_checked(root / saved.spec if saved else spec, root, saved.overrides if saved else overrides)
    outcome = _applied(loaded, root, options, output_format, notify=sys.stderr.isatty() if notify is None else notify)
    if rehearse_only and output_format == "text" and outcome.failure is None:
        return _rehearsed(loaded, root)
    code = _finish(loaded.metadata.language, root, outcome, output_format)
    if opened and outcome.account:
        _open_report(root, outcome.account.record.campaign)
    return code


def _saved(spec: Path, *, edited: bool, adapt: bool, locked: bool) -> SavedPlan | None:
    """The plan that SPEC is, where it is no spec.

    Raises:
        UsageError: options that a saved plan or the lock leaves no room for.
    """
    from runner.run.saved import read_plan

    saved = read_plan(spec) if spec.suffix == ".json" else None
    if saved and edited:
        help = "leave out --set, --force, --target and --rehearse-only, or plan again"
        raise UsageError("a saved plan is applied as it is", help=help)
    if adapt and (saved or locked):
        raise UsageError("`--adapt` changes the plan and the lock", help="leave out --locked or the saved plan")
    return saved


def _open_report(root: Path, campaign: str) -> None:
    from runner.report.write import folder_of

    click.launch(str(folder_of(root, campaign) / "report.html"))


def _applied(spec: Spec, root: Path, options: Options, output_format: str, *, notify: bool) -> Outcome:
    """Run the campaign before a view, with warnings at its start and a notification at its end."""
    from runner.cli import progress
    from runner.cli.companion import Companion
    from runner.run.campaign import apply_campaign

    view = Companion(progress.choose(output_format), root, notify=notify)
    try:
        return apply_campaign(spec, root, options, view)
    finally:
        view.close()


def _rehearsed(spec: Spec, root: Path) -> int:
    """The end of a run of the rehearsals alone."""
    from runner.cli.rehearsal_text import rehearsal_text
    from runner.run.campaign import Options, plan_campaign
    from runner.run.outlook import outlook

    planned = plan_campaign(spec, root, Options())
    seen = outlook(spec, root, planned.plan, planned.survey)
    click.echo(rehearsal_text(spec, root, planned, seen, now=datetime.now().astimezone()))
    return int(ExitCode.SUCCESS)


def _finish(language: str, root: Path, outcome: Outcome, output_format: str) -> int:
    """Write the reports and say what came out and what to do next."""
    from runner.acceptance.result import result_line
    from runner.models.lock import lock_path
    from runner.report.write import keep_reports
    from runner.store.ssot import Stored, files_of

    done = outcome.account
    if done is None:
        return _unjudged(outcome, output_format)
    stored = Stored(done.record_id, done.record)
    reports = keep_reports(root, stored, language=language)
    if output_format == "text":
        made = files_of(stored)
        hidden = "" if done.appended else "  (recorded before)"
        click.echo(f"ran {outcome.ran} steps, {outcome.cached} cached, {outcome.seconds:.1f} s", err=True)
        click.echo(f"record  {made[0]}{hidden}", err=True)
        for path in reports:
            click.echo(f"report  {path.relative_to(root)}", err=True)
        lock = lock_path(done.record.spec_path)
        more = (lock,) if (root / lock).exists() else ()
        click.echo(f"next    git add {shlex.join((*made, *more))}", err=True)
        click.echo(result_line(done.verdict))
    codes = [done.verdict.exit_code]
    if outcome.failure is not None:
        click.echo(f"error: {outcome.failure}", err=True)
        codes.append(outcome.failure.exit_code)
    return int(worst(codes))


def _unjudged(outcome: Outcome, output_format: str) -> int:
    """The end of a run of some steps only."""
    if output_format == "text":
        click.echo(f"ran {outcome.ran} steps, {outcome.cached} cached, {outcome.seconds:.1f} s", err=True)
        click.echo("no verdict: only some steps were asked for; without --target all run and are judged", err=True)
    if outcome.failure is None:
        return int(ExitCode.SUCCESS)
    click.echo(f"error: {outcome.failure}", err=True)
    return int(outcome.failure.exit_code)


@click.command()
@click.argument("campaign", required=False)
@FORMAT
@click.option("--watch", "watched", is_flag=True, help="Follow the run from this terminal until it ends.")
def status(campaign: str | None, output_format: str, watched: bool) -> int:
    """Show the running, interrupted or last run of CAMPAIGN (default: the newest).

    CAMPAIGN is its `metadata.name`, or its spec.

    \b
      lorarun status
      lorarun status demo --watch     from another terminal, while `lorarun apply` runs
    """
    from runner.cli.status_text import status_text, watch
    from runner.run.project_lock import is_held
    from runner.run.status import newest, read_status

    root = find_root()
    name = campaign or newest(root)
    if name is None:
        raise UsageError("no run was started here yet", help="`lorarun apply SPEC` starts one")
    chosen = Path(name).stem if name.endswith((".yaml", ".yml")) else name
    if watched and output_format == "text":
        watch(lambda: read_status(root, chosen), is_held=lambda: is_held(root))
        return int(ExitCode.SUCCESS)
    found = read_status(root, chosen)
    click.echo(readable_json(found.as_json(), indent=1) if output_format == "json" else status_text(found))
    return int(ExitCode.SUCCESS)
