"""Prompt templates: `{column}` is replaced, `{{` and `}}` are braces. Nothing is evaluated."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from runner.errors import InvalidError

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@functools.lru_cache(maxsize=256)
def placeholders(template: str) -> tuple[str, ...]:
    """The names in `{…}`, each once, in order.

    Raises:
        InvalidError: an empty name or a brace without its partner.
    """
    names: dict[str, None] = {}
    for match in _PIECE.finditer(template):
        name = match.group(1)
        if name is not None and name.strip():
            names.setdefault(name.strip())
        elif match.group() not in ("{{", "}}"):
            raise InvalidError(
                f"the prompt template has a stray `{match.group()}` at character {match.start() + 1}",
                help="write `{column}` for a column, `{{` and `}}` for braces",
            )
    return tuple(names)


def render(template: str, fields: Mapping[str, str]) -> str:
    """The template with each `{name}` replaced by `fields[name]`, whose own braces stay as they are.

    Raises:
        InvalidError: a stray brace, or a name that `fields` lacks.
    """
    missing = [name for name in placeholders(template) if name not in fields]
    if missing:
        have = ", ".join(f"`{name}`" for name in sorted(fields)) or "none"
        raise InvalidError(f"the prompt template names `{missing[0]}`, which the row lacks; its columns are {have}")

    def piece(match: re.Match[str]) -> str:
        name = match.group(1)
        return match.group()[0] if name is None else fields[name.strip()]

    return _PIECE.sub(piece, template)
