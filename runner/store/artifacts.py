"""`artifacts/<step>/<key>/`: the outputs of finished steps, verified when they are read, and work in progress.

A folder there is complete and bit-correct, or it is not there: it is made under `artifacts/.work/<key>/` and renamed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runner import files
from runner.canonical import digest_file
from runner.errors import IntegrityError
from runner.store.manifest import FILE, Manifest, Output, read_manifest, write_manifest

WORK = ".work"
QUARANTINE = ".quarantine"
REPLAY = ".replay"
REPAIR = "`lorarun apply --repair` sets it aside and runs the step again"
KEY = re.compile(r"[0-9a-f]{64}")


@dataclass
class Artifacts:
    """The step outputs of one project."""

    root: Path  # the project
    _by_key: dict[str, Path] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)  # key → what is wrong with its folder

    def __post_init__(self) -> None:
        self.folder = self.root / "artifacts"
        self.rescan()

    def rescan(self) -> None:
        """Look again at what is there. Sizes are compared here, digests when an output is used."""
        self._by_key, self.broken = {}, {}
        self._last: dict[str, Manifest] = {}
        self._manifests: dict[str, Manifest] = {}
        for folder in self._folders():
            try:
                manifest = read_manifest(folder, self.root)
                self._learn(folder, manifest)
            except IntegrityError as error:
                self.broken[folder.name] = error.message
                continue
            wrong = glance(folder, manifest)
            if wrong:
                self.broken[folder.name] = "; ".join(wrong)

    def _folders(self) -> list[Path]:
        """Every folder that is named like a key, wherever it lies but in hidden folders."""
        found = []
        for top in sorted(self.folder.glob("[!.]*")):
            if top.is_dir() and not top.is_symlink():
                found += [Path(place) for place, _, _ in os.walk(top) if KEY.fullmatch(Path(place).name)]
        return sorted(found)

    def _learn(self, folder: Path, manifest: Manifest) -> None:
        self._by_key[manifest.key] = folder
        self._manifests[manifest.key] = manifest
        last = self._last.get(manifest.step)
        if last is None or last.created <= manifest.created:
            self._last[manifest.step] = manifest

    def manifests(self) -> dict[str, Manifest]:
        """key → manifest of every finished step."""
        return dict(self._manifests)

    def last_of(self) -> dict[str, Manifest]:
        """step id → its newest manifest."""
        return dict(self._last)

    def place(self, key: str) -> Path:
        """The folder of a finished step.

        Raises:
            IntegrityError: there is none.
        """
        if key not in self._by_key:
            raise IntegrityError(f"no finished step has the key {key[:12]}")
        return self._by_key[key]

    def verify(self, key: str) -> Manifest:
        """The manifest of a finished step whose every file was just compared with its digest.

        Raises:
            IntegrityError: a file is missing, changed or foreign; each is named.
        """
        folder = self.place(key)
        manifest = self._manifests[key]
        wrong = differences(folder, {name: output.digest for name, output in manifest.outputs.items()})
        if wrong:
            place = folder.relative_to(self.root)
            raise IntegrityError(
                f"`{place}` is not what was written: {'; '.join(wrong)}",
                help=REPAIR,
            )
        return manifest

    def work(self, key: str) -> Path:
        """The folder where a step with this key is made; its `checkpoint/` outlives a killed run."""
        folder = self.folder / WORK / key
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def unfinished(self) -> dict[str, bool]:
        """Keys of steps that were begun and did not end, and whether they left a checkpoint."""
        begun = self.folder / WORK
        if not begun.is_dir() or begun.is_symlink():
            return {}
        return {p.name: any((p / "checkpoint").glob("*")) for p in begun.iterdir() if KEY.fullmatch(p.name)}

    def fresh_output(self, key: str) -> Path:
        """An empty output folder for a step that starts."""
        out = self.work(key) / "out"
        if out.exists():
            shutil.rmtree(out)
        out.mkdir()
        return out

    def commit(self, manifest: Manifest) -> Path:
        """Make the outputs in the work folder final, in one rename, and forget the work folder."""
        out = self.work(manifest.key) / "out"
        final = self.folder / manifest.step / manifest.key
        write_manifest(out, manifest)
        if final.exists():  # a forced step, or a run that was killed between rename and clean-up
            self.set_aside(final)
        files.commit_folder(out, final)
        shutil.rmtree(self.folder / WORK / manifest.key, ignore_errors=True)
        self._learn(final, manifest)
        return final

    def quarantine(self, key: str) -> Path:
        """Set a damaged step aside, so that it runs again and nothing is lost."""
        folder = self._by_key.pop(key, None) or next(f for f in self._folders() if f.name == key)
        manifest = self._manifests.pop(key, None)
        self.broken.pop(key, None)
        if manifest and self._last.get(manifest.step) == manifest:
            del self._last[manifest.step]
        return self.set_aside(folder)

    def set_aside(self, folder: Path) -> Path:
        """Move a step's folder out of the way, beside what was moved there before."""
        target = self.folder / QUARANTINE / f"{folder.name}.{secrets.token_hex(4)}"
        files.move_folder(folder, target)
        return target


def glance(folder: Path, manifest: Manifest) -> list[str]:
    """What can be seen without reading: files that are missing or of another size."""
    wrong = []
    for name, output in sorted(manifest.outputs.items()):
        try:
            status = (folder / name).lstat()
        except OSError:
            wrong.append(f"{name} is missing")
            continue
        if status.st_size != output.size:
            wrong.append(f"{name} has {status.st_size:,} bytes, written were {output.size:,}")
    return wrong


def differences(folder: Path, digests: Mapping[str, str]) -> list[str]:
    """What in a folder differs from the digests of its files: missing, changed, foreign or not a regular file."""
    wrong = []
    found = (p for p in folder.rglob("*") if not p.is_dir() or p.is_symlink())
    there = {str(p.relative_to(folder)) for p in found if not files.is_debris(p)}
    for name, digest in sorted(digests.items()):
        path = folder / name
        if name not in there:
            wrong.append(f"{name} is missing")
        elif path.is_symlink() or not path.is_file():
            wrong.append(f"{name} is not a regular file")
        elif digest_file(path) != digest:
            wrong.append(f"{name} has changed")
    wrong += [f"{name} is foreign" for name in sorted(there - digests.keys() - {FILE})]
    return wrong


def describe(out: Path, contents: Mapping[str, str]) -> dict[str, Output]:
    """Digests and sizes of all files in an output folder; `contents` gives content digests where a step knows them."""
    outputs = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        name = str(path.relative_to(out))
        digest = digest_file(path)
        outputs[name] = Output(digest, path.stat().st_size, contents.get(name, digest))
    return outputs
