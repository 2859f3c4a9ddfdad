"""Bringing a hub model to this machine: a child fetches, this process vets and compares what came."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import runner
from runner.errors import InvalidError, LorarunError, ResourceError
from runner.models.facts import differences, facts_of_folder, shipped_facts
from runner.models.hub_settings import MODELS_OFFLINE, folder_name, hub_cache, offline_by
from runner.models.locate import Checkpoint
from runner.models.vet import vet_checkpoint
from runner.samples.hub_id import is_hub_id
from runner.spec.model import ModelSpec

OnEvent = Callable[[dict[str, Any]], None]
_REMEDIES = {
    "auth": "accept the model's licence on its page, then set HF_TOKEN or run `hf auth login`",
    "missing": "see that the hub id and the revision are spelt as on the hub",
    "network": "try again: it goes on where it stopped; HTTPS_PROXY and HF_ENDPOINT are honoured",
    "format": "name a repository with safetensors; mlx-community has converted ones",
    "digest": "try again; if it happens twice, a proxy on the way changes files",
    "busy": "wait for the other fetch",
    "disk": "free some space, or set HF_HOME to a larger disk",
}


@dataclass(frozen=True)
class Fetched:
    """A complete and vetted checkpoint. `differences` are shipped facts that it does not bear out."""

    checkpoint: Checkpoint
    differences: tuple[str, ...]


@dataclass(frozen=True)
class Remote:
    """A checkpoint as the hub lists it: only the files that are needed, and what of them is not here yet."""

    commit: str
    files: int
    total_bytes: int
    missing_bytes: int


def remote(model: ModelSpec, *, commit: str = "") -> Remote:
    """What there is to fetch of a hub model, asked of the hub; nothing is written.

    Raises:
        InvalidError: no hub id, offline, refused or missing.
    """
    revision = _revision(model, commit)
    found: dict[str, Any] = {}
    _run_child(model, revision, found.update, only_list=True)
    return Remote(str(found["commit"]), int(found["files"]), int(found["total"]), int(found["missing"]))


def fetch(model: ModelSpec, *, commit: str = "", on_event: OnEvent | None = None) -> Fetched:
    """Bring a hub model into the hub cache. Files that are there are not fetched again.

    Raises:
        InvalidError: no hub id, offline, refused, missing, or a checkpoint that may not be loaded.
        ResourceError: not enough disk.
    """
    revision = _revision(model, commit)
    _run_child(model, revision, on_event or (lambda event: None))
    return _accepted(model, revision)


def _revision(model: ModelSpec, commit: str) -> str:
    """The revision to ask for, where anything may be asked for at all."""
    if not is_hub_id(model.path):
        raise InvalidError(f"model `{model.id}`: `{model.path}` is no hub id (`owner/name`)", help="nothing to fetch")
    if forbidden := offline_by(MODELS_OFFLINE):
        raise InvalidError(f"model `{model.id}`: {forbidden} forbids to fetch `{model.path}`", help="unset it")
    revision = commit or model.revision
    if not re.fullmatch(r"[\w][\w.\-/]{0,199}", revision) or ".." in revision:
        raise InvalidError(
            f"model `{model.id}`: `{revision[:80]}` is no revision", help="write a branch, tag or commit"
        )
    return revision


def _run_child(model: ModelSpec, revision: str, on_event: OnEvent, *, only_list: bool = False) -> None:
    command = [sys.executable, "-m", "runner.models.download", model.path, revision, str(hub_cache())]
    command += ["--list"] if only_list else []
    source = str(Path(runner.__file__).parents[1])  # where this very package lies, whatever the working directory
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))}
    last: dict[str, Any] = {}
    with subprocess.Popen(  # a group of its own: Ctrl-C reaches this process alone, which ends the child
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, encoding="utf-8", process_group=0
    ) as child:
        try:
            for line in child.stdout or ():
                last = json.loads(line)
                on_event(last)
        except BaseException:
            child.terminate()
            raise
    if child.returncode == 0 and last.get("event") == "done":
        return
    if last.get("event") != "failed":
        raise LorarunError(f"fetching `{model.path}` ended with {child.returncode} and no word why")
    kind = str(last.get("kind"))
    message = f"model `{model.id}`: `{model.path}`: {last.get('message')}"
    raise (ResourceError if kind == "disk" else InvalidError)(message, help=_REMEDIES.get(kind, ""))


def _accepted(model: ModelSpec, revision: str) -> Fetched:
    repository = hub_cache() / folder_name(model.path)
    is_commit = re.fullmatch(r"[0-9a-f]{40}", revision) is not None
    commit = revision if is_commit else (repository / "refs" / revision).read_text(encoding="ascii").strip()
    folder = repository / "snapshots" / commit
    if findings := vet_checkpoint(folder):
        raise InvalidError.of(findings)
    checkpoint = Checkpoint(folder=folder, origin="hub cache", commit=commit)
    shipped = shipped_facts(model.path)
    found = facts_of_folder(folder, origin="hub cache", commit=commit)
    return Fetched(checkpoint=checkpoint, differences=differences(shipped, found) if shipped else ())
