"""Whether ssot/ was only added to since a base commit: no record or evidence changed, replaced or taken away."""

from __future__ import annotations

import hashlib
from pathlib import Path

from runner import files
from runner.errors import InvalidError
from runner.record.evidence import MAX_FILE_BYTES
from runner.verify.git import Base, Entry
from runner.verify.model import Finding, failed, ok

SSOT = "ssot"
_PLAIN_MODES = ("100644", "100755")


def compare_history(root: Path, base: Base) -> tuple[Finding, ...]:
    """One finding for each file of the base that is not as it was; one that all is there, if so."""
    entries = [e for e in base.entries(SSOT) if Path(e.path).name not in (".gitkeep", ".gitattributes", ".gitignore")]
    found = [finding for entry in entries if (finding := _compare(root, base, entry))]
    if found:
        return tuple(found)
    return (ok("history", f"all {len(entries)} files that {base.ref} has under ssot/ are unchanged"),)


def _compare(root: Path, base: Base, entry: Entry) -> Finding | None:
    if entry.mode not in _PLAIN_MODES:
        return failed("history", f"`{entry.path}` of {base.ref} is not a plain file")
    if not (root / entry.path).exists() and not (root / entry.path).is_symlink():
        return failed("history", f"`{entry.path}` is on {base.ref} and was taken away")
    try:
        data = files.read_bytes(root / entry.path, max_bytes=MAX_FILE_BYTES, root=root)
    except InvalidError as error:
        return failed("history", error.message)
    if blob_oid(data, len(entry.oid)) != entry.oid:
        return failed("history", f"`{entry.path}` is not what {base.ref} has: records are only ever added")
    return None


def blob_oid(data: bytes, length: int) -> str:
    """Git's digest of a file's bytes: SHA-1, or SHA-256 in a repository of that format."""
    digest = hashlib.sha1 if length == 40 else hashlib.sha256
    return digest(b"blob %d\0" % len(data) + data).hexdigest()
