"""Access to the hub that models come from. A token is looked for and never shown."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from runner.doctor.finding import Finding
from runner.models.locate import hub_cache

DEFAULT_ENDPOINT = "https://huggingface.co"
_SECONDS = 4
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def probe(root: Path) -> tuple[Finding, ...]:
    """Models in the cache, and whether the hub answers."""
    models = sorted(p.name.removeprefix("models--").replace("--", "/") for p in hub_cache().glob("models--*"))
    cached = Finding("hub.cache", "ok", f"{len(models)} models in {hub_cache()}", values={"models": len(models)})
    return (cached, _access())


def _access() -> Finding:
    endpoint = os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
    shown = re.sub(r"//[^/@]*@", "//…@", endpoint)  # a name and password in it are nobody's business
    values: dict[str, str | int | float | None] = {
        "endpoint": shown,
        "token": "set" if has_token() else "not set",
        "proxy": "set" if any(os.environ.get(name) for name in _PROXIES) else "not set",
    }
    about = f"{shown}, token {values['token']}, proxy {values['proxy']}"
    if any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in _OFFLINE):
        remedy = "unset HF_HUB_OFFLINE to fetch models; everything else works without"
        return Finding("hub.access", "note", f"offline by choice: {about}", remedy, values)
    problem = failure(endpoint)
    if problem:
        remedy = (
            "only fetching models needs it: set HTTPS_PROXY or HF_ENDPOINT, or copy the checkpoint's folder here and "
            "name it as the model's `path`"
        )
        return Finding("hub.access", "note", f"the hub does not answer ({problem}): {about}", remedy, values)
    return Finding("hub.access", "ok", f"the hub answers: {about}", values=values)


def has_token() -> bool:
    """Whether a token is set, by a variable or by `hf auth login`."""
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    return any(os.environ.get(name) for name in _TOKENS) or (home / "token").is_file()


def failure(endpoint: str) -> str:
    """Why the endpoint could not be reached; empty where it could. Any HTTP answer counts as reached."""
    if not endpoint.startswith(("http://", "https://")):
        return "it is no http address"
    try:
        with urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=_SECONDS):
            return ""
    except urllib.error.HTTPError:
        return ""
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
