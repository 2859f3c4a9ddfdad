"""`Manifest`: what a finished step was made from and what it made; it lies beside the outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import files
from runner.canonical import digest_value, plain
from runner.errors import IntegrityError, InvalidError
from runner.plan.resolve import Finished
from runner.shape import build

FILE = "manifest.json"
FORMAT = "lorarun/manifest/v1"


@dataclass(frozen=True)
class Output:
    """One file that a step made. `content` is what keys use: for tensors the digest of their values."""

    digest: str
    size: int
    content: str


@dataclass(frozen=True)
class Manifest:
    step: str
    kind: str
    key: str
    components: dict[str, Any]
    outputs: dict[str, Output]
    measures: dict[str, Any]
    memory: dict[str, Any]
    seconds: float
    created: str
    environment: dict[str, str] = field(default_factory=dict)

    def finished(self) -> Finished:
        """What a plan needs of it."""
        return Finished(self.step, self.key, self.components, {k: v.content for k, v in self.outputs.items()})


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into a step's folder, durably, with its own digest."""
    value = {"format": FORMAT, **plain(manifest)}
    files.write_json(folder / FILE, {**value, "digest": digest_value(value)})


def read_manifest(folder: Path, root: Path | None = None) -> Manifest:
    """The manifest of a step's folder, which is named by the step's key.

    Raises:
        IntegrityError: it is missing, not a manifest of this format, or not as it was written.
    """
    path = folder / FILE
    try:
        value = files.read_json(path, root=root)
    except InvalidError as error:
        raise IntegrityError(error.message) from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise IntegrityError(f"`{path}` is not a manifest of the format {FORMAT}")
    stated = value.pop("digest", None)
    try:
        if stated != digest_value(value):
            raise IntegrityError(f"`{path}` is not what was written: it does not have its own digest")
        manifest = build(Manifest, {k: v for k, v in value.items() if k != "format"})
    except ValueError as error:
        raise IntegrityError(f"`{path}` is not a manifest: {error}") from error
    if manifest.key != folder.name:
        raise IntegrityError(f"`{path}` is the manifest of another step ({manifest.key[:12]})")
    return manifest
