"""The digest of a checkpoint: everything in its folder that changes what the model computes."""

from __future__ import annotations

from pathlib import Path

from runner.canonical import digest_value
from runner.machine.file_digests import FileDigests
from runner.models.folder import Entry, entries

_READ_BY_PACKAGES = frozenset({".json", ".jinja", ".txt", ".model", ".tiktoken", ".safetensors"})


def digest_checkpoint(folder: Path, *, root: Path | None = None) -> str:
    """Digest of names and bytes of config, tokenizer, chat template and weights; subfolders are read by nobody.

    With a project's `root`, digests of files that kept size and times are taken from its cache.

    Raises:
        InvalidError: the folder holds links that lead out, or what is no file.
    """
    digests = FileDigests(root)
    files = {e.name: digests.digest(e.path) for e in entries(folder) if _is_read(e)}
    digests.save()
    return digest_value(files)


def _is_read(entry: Entry) -> bool:
    return "/" not in entry.name and entry.suffix in _READ_BY_PACKAGES
