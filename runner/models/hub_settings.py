"""How this machine is set up for the hub, by the variables that the hub's own client reads. A token is never shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from runner.errors import InvalidError
from runner.files import read_text

DEFAULT_ENDPOINT = "https://huggingface.co"
# Variables that forbid fetching. The hub's client takes the second for the first.
MODELS_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
DATA_OFFLINE = (*MODELS_OFFLINE, "HF_DATASETS_OFFLINE")
_TRUE = {"1", "ON", "YES", "TRUE"}
_FOLDER = "models--"
_MAX_TOKEN_BYTES = 10_000


def offline_by(variables: Sequence[str]) -> str:
    """The variable of the environment that forbids fetching; "" for none."""
    return next((name for name in variables if os.environ.get(name, "").upper() in _TRUE), "")


def endpoint() -> str:
    """The hub's address: HF_ENDPOINT, or its own."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def token() -> str:
    """HF_TOKEN, or what `hf auth login` left; "" for none, and for a file that cannot be read."""
    if value := os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN"):
        return value.strip()
    path = Path(os.environ.get("HF_TOKEN_PATH") or _home() / "token").expanduser()
    try:
        return read_text(path.resolve(), max_bytes=_MAX_TOKEN_BYTES).strip()  # a mounted secret is a link
    except InvalidError:
        return ""


def hub_cache() -> Path:
    """Where the hub's client keeps repositories: HF_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME, ~/.cache."""
    cache = os.environ.get("HF_HUB_CACHE")
    return Path(cache).expanduser() if cache else _home() / "hub"


def _home() -> Path:
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface"


def folder_name(hub_id: str) -> str:
    """The folder of a model's repository in the cache."""
    return _FOLDER + hub_id.replace("/", "--")


def cached_models() -> tuple[str, ...]:
    """Hub ids of the models that the cache has folders of."""
    found = (p.name.removeprefix(_FOLDER).replace("--", "/") for p in hub_cache().glob(f"{_FOLDER}*"))
    return tuple(sorted(found))
