"""Where the project's root is: the folder that holds `ssot/` and that no spec may reach out of."""

from __future__ import annotations

from pathlib import Path

MARKS = ("ssot", ".git")


def find_root(spec: Path | None = None) -> Path:
    """The nearest folder above `spec` (or above the working directory) that holds `ssot/` or `.git`.

    Without such a folder it is the working directory, or the spec's own folder where it lies elsewhere.
    """
    start = Path.cwd().resolve()
    if spec:
        start = spec.resolve() if spec.is_dir() else spec.resolve().parent
    for folder in (start, *start.parents):
        if any((folder / mark).exists() for mark in MARKS):
            return folder
    here = Path.cwd().resolve()
    return here if start.is_relative_to(here) else start
