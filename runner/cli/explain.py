"""What the language is: `explain CODE` says what a finding means, `schema` prints the keys."""

from __future__ import annotations

import json

import click

from runner.errors import UsageError
from runner.spec.explain import page, pages
from runner.spec.json_schema import json_schema
from runner.spec.reference import reference
from runner.spec.suggest import did_you_mean


@click.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Explain the code of a finding, such as E107; without a code, list all.

    \b
      lorarun explain E107
    """
    if code is None:
        for text in pages().values():
            click.echo(text.splitlines()[0])
        return
    text = page(code) or ""
    if not text:
        raise UsageError(f"there is no code `{code[:40]}`", help=did_you_mean(code.upper(), pages(), what="codes"))
    click.echo(text)


@click.command()
@click.option("--format", type=click.Choice(["json", "md"]), default="json", help="JSON Schema, or a page to read.")
def schema(format: str) -> None:
    """Print the spec's language as JSON Schema (draft 2020-12), for editors, or as a page to read.

    \b
      lorarun schema > lorarun.schema.json
      # yaml-language-server: $schema=../lorarun.schema.json     as the first line of specs/x.yaml
    """
    if format == "md":
        click.echo(reference(), nl=False)
    else:
        click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=1))
