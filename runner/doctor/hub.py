"""Access to the hub that models come from. A token is looked for and never shown."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from pathlib import Path

from runner.doctor.finding import Finding
from runner.models.hub_settings import MODELS_OFFLINE, cached_models, endpoint, hub_cache, offline_by, token

_SECONDS = 4
_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def probe(root: Path) -> tuple[Finding, ...]:
    """Models in the cache, and whether the hub answers."""
    models = cached_models()
    cached = Finding("hub.cache", "ok", f"{len(models)} models in {hub_cache()}", values={"models": len(models)})
    return (cached, _access())


def _access() -> Finding:
    address = endpoint()
    shown = re.sub(r"//[^/@]*@", "//…@", address)  # a name and password in it are nobody's business
    values: dict[str, str | int | float | None] = {
        "endpoint": shown,
        "token": "set" if token() else "not set",
        "proxy": "set" if any(os.environ.get(name) for name in _PROXIES) else "not set",
    }
    about = f"{shown}, token {values['token']}, proxy {values['proxy']}"
    if forbidden := offline_by(MODELS_OFFLINE):
        remedy = f"unset {forbidden} to fetch models; everything else works without"
        return Finding("hub.access", "note", f"offline by choice: {about}", remedy, values)
    problem = failure(address)
    if problem:
        remedy = (
            "only fetching models needs it: set HTTPS_PROXY or HF_ENDPOINT, or copy the checkpoint's folder here and "
            "name it as the model's `path`"
        )
        return Finding("hub.access", "note", f"the hub does not answer ({problem}): {about}", remedy, values)
    return Finding("hub.access", "ok", f"the hub answers: {about}", values=values)


def failure(address: str) -> str:
    """Why the endpoint could not be reached; empty where it could. Any HTTP answer counts as reached."""
    if not address.startswith(("http://", "https://")):
        return "it is no http address"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_SECONDS):
            return ""
    except urllib.error.HTTPError:
        return ""
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
