"""Where the templates lie, and the three Jinja environments that read them. Knows nothing of records."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

import runner
from runner.errors import LorarunError
from runner.report import hostile, numbers
from runner.report.reading import figure


@cache
def folder() -> Path:
    """The templates' folder: `runner/_templates` of an installed package, `templates/` of a source tree.

    Raises:
        LorarunError: neither is there; the installation is broken.
    """
    package = Path(runner.__file__).resolve().parent
    for candidate in (package / "_templates", package.parent / "templates"):
        if (candidate / "messages" / "en.json").is_file():
            return candidate
    raise LorarunError(f"templates are missing beside `{package}`", help="install lorarun again")


def source(name: str) -> str:
    """The text of a file in the templates' folder."""
    return (folder() / name).read_text(encoding="utf-8")


def _environment(finalize: Callable[[object], object]) -> jinja2.Environment:
    # select_autoescape() would leave `report.html.j2` unescaped, so escaping is on for every template, and `finalize`
    # sees every value before it is written.
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


@cache
def html() -> jinja2.Environment:
    """For HTML and XML: values are escaped, control and direction characters shown."""
    made = _environment(hostile.in_html)
    made.filters |= {"figure": numbers.measure, "cut": hostile.one_line, "number_or_none": figure}
    return made


@cache
def markdown() -> jinja2.Environment:
    """For Markdown: a value is inert inline text unless a filter made a code span or block of it."""
    made = _environment(lambda value: value if isinstance(value, Markup) else hostile.markdown(value))
    made.filters |= {"figure": numbers.measure}
    return made
