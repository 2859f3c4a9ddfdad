"""What a git base holds, asked of `git` itself. Only reads; runs nothing that a checkout could have brought."""

from __future__ import annotations

import os
import posixpath
import subprocess
from dataclasses import dataclass
from pathlib import Path

from runner.errors import InvalidError, UsageError

TIMEOUT_SECONDS = 60
MAX_BLOB_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Entry:
    """One file of a commit. `oid` is git's digest of its bytes."""

    path: str  # relative to the project's root
    mode: str  # 100644 | 100755 | 120000 …
    oid: str


@dataclass(frozen=True)
class Base:
    """One commit to compare with."""

    root: Path
    ref: str
    commit: str

    def entries(self, folder: str) -> tuple[Entry, ...]:
        """The files of the commit below a folder of the project."""
        listed = _git(self.root, "ls-tree", "-r", "-z", self.commit, "--", f"{folder}/")
        found = []
        for line in filter(None, listed.split(b"\0")):
            head, _, name = line.partition(b"\t")
            mode, _, oid = head.decode().split(" ")
            found.append(Entry(os.fsdecode(name), mode, oid))
        return tuple(found)

    def text(self, path: str) -> str | None:
        """A small UTF-8 file of the commit; None where it has none.

        Raises:
            InvalidError: larger than 4 MiB, or not UTF-8.
        """
        entry = next((e for e in self.entries_of(path)), None)
        if entry is None:
            return None
        size = int(_git(self.root, "cat-file", "-s", entry.oid))
        if size > MAX_BLOB_BYTES:
            raise InvalidError(f"`{path}` of {self.ref} is larger than {MAX_BLOB_BYTES:,} bytes")
        try:
            return _git(self.root, "cat-file", "blob", entry.oid).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidError(f"`{path}` of {self.ref} is not UTF-8") from error

    def included(self, path: str) -> str:
        """The text of a file that a spec of the commit includes.

        Raises:
            InvalidError: as `text`; the commit has no regular file there, or the path leaves the project.
        """
        place = posixpath.normpath(path)
        if place.startswith("..") or "\0" in place:
            raise InvalidError(f"`{path[:200]}` leaves the project")
        text = self.text(place)
        if text is None:
            raise InvalidError(f"`{path[:200]}` is not a file of {self.ref}")
        return text

    def entries_of(self, path: str) -> tuple[Entry, ...]:
        """The regular file at `path`, or nothing."""
        listed = _git(self.root, "ls-tree", "-z", self.commit, "--", path)
        found = []
        for line in filter(None, listed.split(b"\0")):
            head, _, name = line.partition(b"\t")
            mode, kind, oid = head.decode().split(" ")
            if kind == "blob" and mode != "120000":
                found.append(Entry(os.fsdecode(name), mode, oid))
        return tuple(found)

    def changed(self) -> tuple[str, ...]:
        """Paths below the project's root that differ between the commit and HEAD; a renamed file is two.

        Raises:
            UsageError: there is no HEAD.
        """
        # Plumbing, and submodules told: neither attributes nor .gitmodules of the change can hide a path.
        how = ("-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none", "--relative")
        listed = _git(self.root, "diff-tree", *how, self.commit, "HEAD")
        return tuple(os.fsdecode(name) for name in listed.split(b"\0") if name)


def base_of(root: Path, ref: str) -> Base:
    """The commit that `ref` names.

    Raises:
        UsageError: there is no such commit, or no git repository here.
    """
    if not ref or ref.startswith("-") or "\0" in ref:
        raise UsageError(f"`{ref}` is not the name of a commit")
    try:
        commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except UsageError as error:
        raise UsageError(
            f"git knows no commit `{ref}`",
            help="a shallow clone lacks it: fetch it first (`fetch-depth: 0` in actions/checkout)",
        ) from error
    return Base(root, ref, commit.decode().strip())


def _git(root: Path, *arguments: str) -> bytes:
    """Git's output. Its own configuration in the repository is trusted: a pull request cannot change that.

    Raises:
        UsageError: git failed, or is not installed.
    """
    # A hook says GIT_DIR alone, and git would take the project's folder for the repository's top: a base has all of a
    # project in a subfolder elsewhere then. With GIT_WORK_TREE beside it the top is known.
    kept_names = ("PATH", "HOME", *(("GIT_DIR", "GIT_WORK_TREE") if "GIT_WORK_TREE" in os.environ else ()))
    kept = {k: v for k, v in os.environ.items() if k in kept_names}
    environment = {**kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "--no-pager", "--literal-pathspecs", "-C", str(root), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed", help="`--base` compares with a commit") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"git did not answer within {TIMEOUT_SECONDS} s") from error
    if done.returncode != 0:
        raise UsageError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()[:500]}")
    return done.stdout
