"""Options that several commands have, said once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def format_option(
    *names: str, help: str = "json: data for programs."
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--format`, of these names or `text` and `json`; the first is the default. Given on as `output_format`."""
    choices = names or ("text", "json")
    return click.option(
        "--format", "output_format", type=click.Choice(choices), default=choices[0], show_default=True, help=help
    )
