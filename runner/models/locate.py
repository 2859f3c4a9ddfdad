"""Where a model's checkpoint lies on this machine: a folder, the Hugging Face cache, LM Studio's. No network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from runner.errors import InvalidError
from runner.files import read_text
from runner.models.hub_settings import folder_name, hub_cache
from runner.samples.hub_id import is_hub_id
from runner.spec.model import ModelSpec

_COMMIT = re.compile(r"[0-9a-f]{40}")
_LM_STUDIO = ("~/.lmstudio/models", "~/.cache/lm-studio/models")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder that is there."""

    folder: Path
    origin: str  # "folder" | "hub cache" | "lm studio"
    commit: str = ""  # of the hub's repository, where it is known


def find_checkpoint(model: ModelSpec, root: Path, *, commit: str = "") -> Checkpoint | None:
    """The model's folder, or None where it is not on this machine. A `commit` from the lock allows no other.

    Raises:
        InvalidError: the path is neither a folder nor a hub id.
    """
    folder = root / Path(model.path).expanduser()
    if folder.is_dir():
        return Checkpoint(folder=folder, origin="folder")
    if not is_hub_id(model.path):
        raise InvalidError(
            f"model `{model.id}`: there is no folder `{model.path}`, and it is no hub id (`owner/name`) either",
            help="write a folder relative to the project, or a hub id",
        )
    return _in_hub_cache(model, commit) or (None if commit else _in_lm_studio(model))


def locate_checkpoint(model: ModelSpec, root: Path, *, commit: str = "") -> Checkpoint:
    """As `find_checkpoint`, for callers that cannot go on without it.

    Raises:
        InvalidError: it is not on this machine; says how to bring it.
    """
    found = find_checkpoint(model, root, commit=commit)
    if found is None:
        revision = commit or model.revision
        raise InvalidError(
            f"model `{model.id}`: `{model.path}` at `{revision}` is not on this machine (looked in {hub_cache()})",
            help=f"with a network: `lorarun fetch` or `hf download {model.path} --revision {revision}`; without one, "
            f"copy the folder `{folder_name(model.path)}` there from a machine that has it, "
            "or name a folder as the model's `path`",
        )
    return found


def _in_hub_cache(model: ModelSpec, commit: str) -> Checkpoint | None:
    repository = hub_cache() / folder_name(model.path)
    commit = commit or _commit_of(repository, model.revision)
    folder = repository / "snapshots" / commit
    if not _COMMIT.fullmatch(commit) or not (folder / "config.json").exists():
        return None
    return Checkpoint(folder=folder, origin="hub cache", commit=commit)


def _commit_of(repository: Path, revision: str) -> str:
    if _COMMIT.fullmatch(revision):
        return revision
    if not re.fullmatch(r"[\w.\-/]{1,200}", revision) or ".." in revision:
        return ""
    try:
        return read_text(repository / "refs" / revision, max_bytes=200).strip()
    except InvalidError:
        return ""


def _in_lm_studio(model: ModelSpec) -> Checkpoint | None:
    # LM Studio keeps no commit, so its copies serve only where none is pinned.
    for home in _LM_STUDIO:
        folder = Path(home).expanduser() / model.path
        if (folder / "config.json").is_file():
            return Checkpoint(folder=folder, origin="lm studio")
    return None
