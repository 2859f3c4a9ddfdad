"""When an answer is a failure, and of which kind. A time-out or a crash is a step's error, never a score."""

from __future__ import annotations

import json
import re

from runner.samples.sample import Completion

KINDS = ("empty", "truncated", "repetition", "unparsable")

_FENCE = re.compile(r"\A```[\w-]*\n(.*)\n```\Z", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\s*%?")
_LONGEST_UNIT = 200  # characters
_LONG_UNIT = 20  # from here on four times are a loop, below it six
_LEAST_REPEATED = 24  # characters


def failure_of(completion: Completion, *, format: str = "any", reference: str = "") -> str:
    """The kind of failure, the first of `KINDS` that holds; "" for an answer that can be scored.

    `empty`: nothing but white space. `truncated`: the token limit ended it. `repetition`: it ends in one piece of text
    said six times (four from 20 characters on) over at least 24 characters, and the right answer does not (a row of
    zeros may be right). `unparsable`: it is not of `format` (any | number | json | json_object | line).
    """
    text = completion.text.strip()
    if not text:
        return "empty"
    if completion.finish_reason == "length":
        return "truncated"
    if is_repeating(text) and not is_repeating(reference.strip()):
        return "repetition"
    if not parses(text, format):
        return "unparsable"
    return ""


def is_repeating(text: str) -> bool:
    """Whether the text ends in a loop: its tail has a period. A ruled line of dashes is none."""
    for unit in range(1, min(_LONGEST_UNIT, (len(text) + 1) // 4) + 1):
        # One character less: the last one may lack the space that the others end with.
        length = max(unit * (4 if unit >= _LONG_UNIT else 6) - 1, _LEAST_REPEATED)
        tail = text[-length:]
        if len(tail) == length and tail[unit:] == tail[:-unit] and any(c.isalnum() for c in tail[:unit]):
            return True
    return False


def parses(text: str, format: str) -> bool:
    """Whether an answer is of the format asked for; JSON may stand in one Markdown fence."""
    if format in ("json", "json_object"):
        fenced = _FENCE.match(text)
        try:
            value = json.loads(fenced.group(1) if fenced else text)
        except (ValueError, RecursionError):
            return False
        return format == "json" or isinstance(value, dict)
    if format == "number":
        return _NUMBER.fullmatch(text) is not None
    return format != "line" or len(text.splitlines()) == 1
