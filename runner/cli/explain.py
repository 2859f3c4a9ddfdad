"""What the language is: `explain CODE` says what a finding means, `schema` prints the keys."""

from __future__ import annotations

import click

from runner.cli.options import format_option
from runner.errors import UsageError
from runner.spec.explain import document, markdown, page, titles
from runner.spec.json_schema import schema_text
from runner.spec.reference import reference


@click.command()
@click.argument("code", required=False)
@format_option("text", "md", help="`md`: all pages as one document.")
def explain(code: str | None, output_format: str) -> None:
    """Explain the code of a finding, such as E107, with an example; without a code, list all.

    \b
      lorarun explain E107
      lorarun explain --format md > findings.md
    """
    if code is None:
        click.echo(document() if output_format == "md" else _listed(), nl=output_format != "md")
        return
    text = (markdown(code.strip().upper()) if output_format == "md" else page(code)) or ""
    if not text:
        raise UsageError(f"there is no code `{code[:40]}`", help=_near(code))
    click.echo(text)


def _listed() -> str:
    return "\n".join(f"{code}: {title}" for code, title in titles().items())


def _near(code: str) -> str:
    """Codes are numbers, and the nearest number is seldom meant: the code's family is shown instead."""
    family = [known for known in titles() if known[:2] == code.strip().upper()[:2]]
    if not family:
        return "codes are E or W with three digits; `lorarun explain` lists them"
    return f"codes that begin so: {', '.join(family)}"


@click.command()
@format_option("json", "md", help="JSON Schema, or a page to read.")
def schema(output_format: str) -> None:
    """Print the spec's language as JSON Schema (draft 2020-12), for editors, or as a page to read.

    \b
      lorarun schema > docs/lorarun.schema.json
      # yaml-language-server: $schema=../docs/lorarun.schema.json     as the first line of specs/x.yaml
    """
    if output_format == "md":
        click.echo(reference(), nl=False)
    else:
        click.echo(schema_text(), nl=False)
