"""How a repository on the hub is named: `owner/name`; with `hf:` before it where it is a data set's source."""

from __future__ import annotations

import re

HUB_PREFIX = "hf:"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


def is_hub_id(text: str) -> bool:
    """Whether a text can be `owner/name`. The hub gives out no name with `--` or `..` in it."""
    return _ID.fullmatch(text) is not None and ".." not in text and "--" not in text


def is_hub_source(source: str) -> bool:
    """Whether a data set's source is on the hub: `hf:owner/name`."""
    return source.startswith(HUB_PREFIX) and is_hub_id(source.removeprefix(HUB_PREFIX))
