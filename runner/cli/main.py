"""The `lorarun` command: a light table of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from runner import __version__
from runner.errors import ExitCode, InvalidError, LorarunError, ResourceError, UsageError
from runner.files import OUT_OF_SPACE

# name → (module:function, one line for `lorarun --help`). Modules are imported when their command is called.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("runner.cli.scaffold:init", "Begin a campaign: a commented spec, sample data, a CI workflow."),
    "validate": ("runner.cli.spec:validate", "Check a spec and its inputs; say every mistake with its line."),
    "plan": ("runner.cli.campaign:plan", "Show the steps a spec leads to, and why each would run."),
    "apply": ("runner.cli.campaign:apply", "Run what the plan says and give the verdict."),
    "status": ("runner.cli.campaign:status", "Show the running, interrupted or last run."),
    "report": ("runner.cli.report:report", "Render a record as Markdown, HTML, JSON, JUnit or GitHub text."),
    "dashboard": (
        "runner.cli.report:dashboard",
        "Show all campaigns: verdicts, trends, reports; --serve follows a run.",
    ),
    "check": ("runner.cli.verify:check", "Recompute a verdict from record and evidence; needs no model."),
    "replay": ("runner.cli.replay:replay", "Run the steps of a record again and compare what they make."),
    "diff": ("runner.cli.verify:diff", "Compare two records: spec, environment, paired metric differences."),
    "data": ("runner.cli.data:data", "Bring data into the project: tables, pictures, the hub."),
    "try": ("runner.cli.trial:try_", "Put one picture or text through the tuned chain, before and after."),
    "export": ("runner.cli.export:export", "Take tuned models out: adapters with model cards, PEFT, fused."),
    "score": ("runner.cli.measures:score", "Score predictions against references with one metric."),
    "metrics": ("runner.cli.measures:metrics", "List the metrics with their signatures."),
    "ssot": ("runner.cli.ssot:ssot", "Look into the project's records."),
    "schema": ("runner.cli.explain:schema", "Print the spec's language as JSON Schema or as a page."),
    "explain": ("runner.cli.explain:explain", "Explain the code of a finding, such as E107."),
    "fmt": ("runner.cli.scaffold:fmt", "Bring specs into one form; comments stay."),
    "migrate": ("runner.cli.scaffold:migrate", "Rewrite a spec of an older language in today's."),
    "lock": ("runner.cli.models:lock", "Pin what a spec leaves open: commits, digests, environment."),
    "fetch": ("runner.cli.models:fetch", "Bring the hub models of a spec to this machine."),
    "clean": ("runner.cli.clean:clean", "Remove step outputs that nothing refers to."),
    "doctor": ("runner.cli.doctor:doctor", "Say what this machine has and what would be better."),
    "completion": ("runner.cli.completion:completion", "Print the script that completes commands in bash, zsh, fish."),
}


# How `lorarun --help` groups them; a command that is not here comes last.
SECTIONS: dict[str, tuple[str, ...]] = {
    "A campaign": ("init", "validate", "plan", "apply", "status", "report", "dashboard"),
    "Its proof": ("check", "replay", "diff", "ssot"),
    "The spec": ("explain", "schema", "fmt", "migrate"),
    "Data, models, metrics": ("data", "fetch", "lock", "try", "export", "score", "metrics"),
    "This machine": ("doctor", "clean", "completion"),
}


READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}
# Of a path that was given: there is a folder for a file, a file for a folder, or nothing can be called so.
MISNAMED = {
    errno.EISDIR: "a folder is there; name a file",
    errno.ENOTDIR: "a file is there; name a folder",
    errno.EEXIST: "a file is there; name a folder, or another name",
    errno.ENAMETOOLONG: "use a shorter name",
}


class _ClosedOutputError(Exception):
    """The reader of our output is gone."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; `--help` reads the table only."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a closed pipe under a name that click does not turn into exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ClosedOutputError from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; a slip is answered with the nearest name."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            closest = importlib.import_module("runner.spec.suggest").closest
            near = closest(args[0], COMMANDS)
            raise click.UsageError(f"no command `{args[0]}`" + (f"; did you mean `{near}`?" if near else ""), ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Commands from the table, so that a key press imports none of them; then the options."""
        items = importlib.import_module("click.shell_completion").CompletionItem
        found = [items(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        placed = [name for names in SECTIONS.values() for name in names]
        others = tuple(name for name in COMMANDS if name not in placed)
        for title, names in {**SECTIONS, **({"More": others} if others else {})}.items():
            with formatter.section(title):
                formatter.write_dl([(name, COMMANDS[name][1]) for name in names])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lorarun")
def lorarun() -> None:
    """A LoRA tuning campaign as code.

    One YAML spec names models, data, LoRA settings, quality targets and a memory limit. lorarun runs it on MLX and
    says, with evidence that anyone can recheck, whether the targets were met.

    \b
      lorarun init my-campaign             begin: a commented spec, sample data
      lorarun validate specs/demo.yaml     check it
      lorarun plan     specs/demo.yaml     see what would run, and why
      lorarun apply    specs/demo.yaml     run it; the exit code is the verdict
      lorarun check    specs/demo.yaml     recompute the verdict, on any machine, without a model

    `lorarun COMMAND --help` says what a command does, with examples. Exit codes: 0 success or PASS, 2 usage, 3 a
    mistake in spec or inputs, 4 changes where they were asked about, 5 a step failed, 6 FAIL, 7 INCONCLUSIVE, 8 not
    what was written, 9 another run holds the project, 10 memory, disk or time ran out.
    """


def show(error: LorarunError) -> None:
    """Tell a person on stderr what went wrong, every diagnostic of it."""
    visible = importlib.import_module("runner.report.hostile").visible  # an error may name what others wrote
    if isinstance(error, InvalidError) and error.diagnostics:
        pretty = importlib.import_module("runner.spec.diagnostics")
        click.echo(pretty.render(error.diagnostics, "text"), err=True)
    else:
        click.echo(f"error: {visible(error.message)}", err=True)
    if error.help:
        click.echo(f"  = help: {visible(error.help)}", err=True)


def main(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Tracebacks are for mistakes of ours only."""
    try:
        result = lorarun.main(args=list(arguments), prog_name="lorarun", standalone_mode=False)
        sys.stdout.flush()
        return int(result) if isinstance(result, int) else int(ExitCode.SUCCESS)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return int(ExitCode.USAGE)
    except click.ClickException as error:
        error.show()
        return int(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return int(ExitCode.SIGINT)
    except (_ClosedOutputError, BrokenPipeError):
        return _closed_output()
    except LorarunError as error:
        show(error)
        return int(error.exit_code)
    except OSError as error:
        return _disk_error(error)
    except Exception:
        traceback.print_exc()
        click.echo("error: this is a mistake in lorarun; the lines above say where", err=True)
        return int(ExitCode.INTERNAL)


def _disk_error(error: OSError) -> int:
    """A full or locked disk and a path of the wrong kind are the user's to mend; anything else is ours."""
    if error.errno in OUT_OF_SPACE:
        show(ResourceError(f"no space left to write `{error.filename}`", help="free some disk space and run again"))
        return int(ExitCode.RESOURCE)
    if error.errno in READ_ONLY:
        said = (error.strerror or "not allowed").lower()
        show(ResourceError(f"`{error.filename}`: {said}", help="lorarun writes to artifacts/, ssot/ and specs/*.lock"))
        return int(ExitCode.RESOURCE)
    if error.errno in MISNAMED:
        named = str(error.filename2 or error.filename)
        said = os.strerror(error.errno).lower()
        show(UsageError(f"`{named[:200]}`: {said}", help=MISNAMED[error.errno]))
        return int(ExitCode.USAGE)
    traceback.print_exc()
    return int(ExitCode.INTERNAL)


def _closed_output() -> int:
    """The reader of our output is gone; keep the interpreter from failing again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return int(ExitCode.BROKEN_PIPE)


def run() -> None:
    """The console script."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
