"""Disk space before a step: what it will take, what the disk has, and what the campaign may use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runner.errors import ResourceError
from runner.machine.disk import free_bytes
from runner.store.manifest import Manifest

LEAST_BYTES = 64 * 10**6  # for a step that never ran: adapters and answers of small models
SHARE = 2.0  # a step's work folder holds a checkpoint beside the output


def wanted_bytes(last: Manifest | None) -> int:
    """A forecast of what one step will write, from its last outputs."""
    known = sum(output.size for output in last.outputs.values()) if last else 0
    return max(LEAST_BYTES, int(SHARE * known))


def used_bytes(manifests: Iterable[Manifest]) -> int:
    """What finished steps take on disk."""
    return sum(output.size for manifest in manifests for output in manifest.outputs.values())


def check_space(root: Path, step: str, wanted: int, *, used: int, limit: int | None) -> None:
    """Refuse to start a step that would not fit.

    Raises:
        ResourceError: the disk, or what `limits.disk` allows, is too small.
    """
    free = free_bytes(root / "artifacts")
    if wanted > free:
        raise ResourceError(
            f"{step} needs about {_megabytes(wanted)} of disk, {_megabytes(free)} are free",
            help="`lorarun clean` shows what could go; nothing that was finished is lost",
        )
    if limit is not None and used + wanted > limit:
        raise ResourceError(
            f"{step} would bring artifacts/ to about {_megabytes(used + wanted)}, `limits.disk` is {_megabytes(limit)}",
            help="raise `limits.disk`, or let `lorarun clean` remove what nothing refers to",
        )


def _megabytes(count: int) -> str:
    return f"{count / 10**6:,.0f} MB"
