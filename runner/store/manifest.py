"""`Manifest`: what a finished step was made from and what it made; it lies beside the outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import files
from runner.canonical import plain
from runner.errors import IntegrityError
from runner.plan.resolve import Finished

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
    """Write the manifest into a step's folder, durably."""
    files.write_json(folder / FILE, {"format": FORMAT, **plain(manifest)})


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a step's folder.

    Raises:
        IntegrityError: it is not a manifest of this format.
    """
    value = files.read_json(folder / FILE)
    try:
        if value["format"] != FORMAT:
            raise IntegrityError(f"`{folder / FILE}` has the format {value['format']!r}, not {FORMAT}")
        fields = {k: v for k, v in value.items() if k != "format"}
        fields["outputs"] = {k: Output(**v) for k, v in value["outputs"].items()}
        return Manifest(**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"`{folder / FILE}` is not a manifest: {error}") from error
