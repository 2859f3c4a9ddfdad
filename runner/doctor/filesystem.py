"""Whether the project's file system can do what durable, locked, Unicode-named files need."""

from __future__ import annotations

import fcntl
import os
import tempfile
import unicodedata
from pathlib import Path

from runner.doctor.finding import Finding
from runner.files import write_bytes

_MOUNTS = Path("/proc/mounts")
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs", "ceph", "gluster", "vboxsf", "prl_fs")
_SYNCED = ("Mobile Documents", "Dropbox", "OneDrive", "Google Drive", "CloudStorage")
_NAME = "한글 가"


def probe(root: Path) -> tuple[Finding, ...]:
    """Writing, locking, Hangul names; network disks and synchronized folders."""
    findings = [_writing(root)]
    kind = kind_of(root)
    if kind.startswith(_REMOTE):
        remedy = "keep the project on a local disk: locks and durable renames are not promised there"
        findings.append(Finding("filesystem.remote", "warning", f"the project lies on `{kind}`", remedy))
    if synced := [part for part in root.resolve().parts if part.startswith(_SYNCED)]:
        remedy = "move it out: the service may change or take away files while a step reads them"
        findings.append(Finding("filesystem.synced", "warning", f"the project lies in `{synced[0]}`", remedy))
    return tuple(findings)


def _writing(root: Path) -> Finding:
    place = root / "artifacts" if (root / "artifacts").is_dir() else root
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as name:
            return _tried(Path(name))
    except OSError as error:
        text = f"cannot write under {place}: {(error.strerror or str(error)).lower()}"
        return Finding("filesystem", "problem", text, "make the folder writable for this user")


def _tried(folder: Path) -> Finding:
    write_bytes(folder / _NAME, b"x")
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        remedy = "keep the project on a local disk; two runs at once would not notice each other"
        return Finding("filesystem", "problem", "files cannot be locked here", remedy)
    finally:
        os.close(descriptor)
    [kept] = [n for n in os.listdir(folder) if n != "lock"]  # noqa: PTH208 -- the raw name is what is asked for
    (folder / "Case").touch()
    facts: dict[str, str | int | float | None] = {
        "names": "NFC" if kept == unicodedata.normalize("NFC", _NAME) else "NFD",
        "case_sensitive": int(not (folder / "case").exists()),
    }
    case = "told apart" if facts["case_sensitive"] else "not told apart"
    return Finding(
        "filesystem", "ok", f"writes, syncs and locks; names keep {facts['names']}, case is {case}", values=facts
    )


def kind_of(root: Path) -> str:
    """The file system's type as /proc/mounts says, for the longest mount point above `root`; empty off Linux."""
    try:
        rows = [line.split() for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    place = root.resolve()
    above = [
        (len(row[1]), row[2]) for row in rows if len(row) > 2 and place.is_relative_to(row[1].replace(r"\040", " "))
    ]
    return max(above)[1] if above else ""
