"""The pages of `lorarun explain`: one for each code, kept as Markdown in `explain_pages/`. docs/diagnostics.md too.

An example is a block with a mark: what is `bad` says exactly its page's code, what is `good` says nothing, `all` goes
with both, and `shown` is shown only. A test runs them, laid over the spec in `explain_pages/example.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "explain_pages"
_HEADING = re.compile(r"^## ([EW]\d{3}) — (.+)$", re.M)
_BLOCK = re.compile(r"^```(\w+) (bad|good|all|shown)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
_LABELS = {"bad": "Wrong", "good": "Right", "all": "In both", "shown": "For example"}
_INTRODUCTION = """\
# What findings mean

Every finding has a code; `lorarun explain CODE` prints its page. E is an error, W a warning.
This page is written from `runner/spec/explain_pages/`. A test runs the examples: each wrong one says exactly the code
above it, and each right one says nothing. They are parts of this spec, laid over it:

```yaml
{example}```
"""


@dataclass(frozen=True)
class Example:
    """One block of a page. `path` is the file that it is: "" for a part of a spec, `file` for a whole one."""

    language: str
    mark: str
    path: str
    text: str


def example_spec() -> str:
    """The spec that the examples are parts of."""
    return (FOLDER / "example.yaml").read_text(encoding="utf-8")


@cache
def _chapters() -> tuple[tuple[str, dict[str, str]], ...]:
    """The title and words of each file, and its pages: code → text, its title first."""
    made = []
    for path in sorted(FOLDER.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        lead, *parts = _HEADING.split(text)
        pages = {
            code: f"{title}\n\n{body.strip()}"
            for code, title, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        }
        made.append((lead.strip(), pages))
    return tuple(made)


@cache
def _pages() -> dict[str, str]:
    return {code: text for _, pages in _chapters() for code, text in pages.items()}


def titles() -> dict[str, str]:
    """Code → what it is called, in the order of the pages."""
    return {code: text.splitlines()[0] for code, text in _pages().items()}


def examples(code: str) -> tuple[Example, ...]:
    """The blocks of one code's page."""
    return tuple(Example(*found) for found in _BLOCK.findall(_pages()[code]))


def page(code: str) -> str | None:
    """The page of one code for a terminal, None for a code that does not exist."""
    wanted = code.strip().upper()
    text = _pages().get(wanted)
    return None if text is None else f"{wanted}: {_with_blocks(text, _indented)}"


def markdown(code: str) -> str | None:
    """The page of one code as plain Markdown, None for a code that does not exist."""
    text = _pages().get(code)
    return None if text is None else f"{code}: {_with_blocks(text, _fenced)}"


def document() -> str:
    """docs/diagnostics.md."""
    parts = [_INTRODUCTION.format(example=example_spec())]
    for lead, pages in _chapters():
        parts.append(f"#{lead}\n")
        for code, text in pages.items():
            parts.append(f"### {code}: {_with_blocks(text, _fenced)}\n")
    return "\n".join(parts)


def _with_blocks(text: str, show: Callable[[Example], str]) -> str:
    return _BLOCK.sub(lambda found: show(Example(*found.groups(default=""))), text)


def _label(example: Example) -> str:
    where = f", in `{example.path}`" if example.path and example.path != "file" else ""
    return f"{_LABELS[example.mark]}{where}:"


def _indented(example: Example) -> str:
    lines = [f"    {line}".rstrip() for line in example.text.splitlines()]
    return "\n".join([_label(example), "", *lines])


def _fenced(example: Example) -> str:
    return f"{_label(example)}\n\n```{example.language}\n{example.text}```"
