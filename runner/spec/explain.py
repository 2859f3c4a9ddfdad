"""The pages of `lorarun explain`: one for each code, kept as text beside this module."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

# Codes of other rooms explain themselves in their message; this says what they are about.
FAMILIES = {
    "E5": "a setting that the engine cannot follow; the message says which and what would do",
    "W5": "a setting, or a row that the engine reads, that is allowed and worth a look; the message says which",
    "E6": "a metric's name or options; `lorarun metrics` lists both",
    "E7": "the inputs: rows of a data set, its images, overlap of its splits, or a checkpoint's files",
    "W7": "the inputs: something in the data that is allowed and worth a look",
}


@cache
def pages() -> dict[str, str]:
    """Code → page in Markdown, its title first."""
    text = (Path(__file__).parent / "explain.md").read_text(encoding="utf-8")
    parts = re.split(r"^## ([EW]\d{3}) — ", text, flags=re.M)[1:]
    return {code: f"{code}: {body.strip()}" for code, body in zip(parts[::2], parts[1::2], strict=True)}


def page(code: str) -> str | None:
    """The page of one code, None for a code that does not exist."""
    wanted = code.strip().upper()
    family = FAMILIES.get(wanted[:2])
    if wanted in pages():
        return pages()[wanted]
    if family and re.fullmatch(r"[EW]\d{3}", wanted):
        return f"{wanted}: {family}"
    return None
