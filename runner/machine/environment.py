"""The environment class: what must be equal for two runs to give equal bits. Read without importing any package.

Host name, paths, clock, amount of memory and the versions of packages that do not compute are left out.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from functools import cache
from pathlib import Path

from runner.canonical import short
from runner.machine import blas, sysctl

PACKAGES = ("mlx", "mlx-lm", "mlx-vlm", "transformers", "tokenizers", "numpy", "pillow")
ABSENT = "absent"
_DIST_INFO = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)\.dist-info$")
_NVIDIA = Path("/proc/driver/nvidia")


def environment_class() -> dict[str, str]:
    """Versions of what computes, backend, chip family, BLAS with its kernel and threads, world size.

    A package that is not installed is `absent`, so that a plan made without MLX says so.
    """
    found = installed_versions()
    values = {name: found.get(name, ABSENT) for name in PACKAGES}
    values |= {"backend": backend(), "chip": chip_family(), "world_size": "1"}
    library = blas.find()
    if backend() == "cpu" and sys.platform == "linux":
        values["libc"] = libc()  # the powers that exponentials are made of on this backend are its own
        values["blas"] = f"openblas {short(library.digest)}" if library else "mlx"
        values["blas_core"] = library.core if library else "reference"
        values["blas_threads"] = str(library.threads) if library else "1"
    if sys.platform == "darwin":
        values["os"] = f"macOS {platform.mac_ver()[0].split('.')[0]}"  # Metal's compiler comes with it
    return values


def installed_versions() -> dict[str, str]:
    """Every installed distribution's version, by its normalized name (`mlx-lm`), from the folder names alone."""
    return dict(_versions(tuple(sys.path)))


@cache
def _versions(search_path: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    # importlib.metadata gives the same and costs 80 ms of import time, which `validate` and `plan` cannot spare.
    found: dict[str, str] = {}
    for folder in search_path:
        try:
            names = sorted(os.listdir(folder or "."))  # noqa: PTH208 -- names only, and this runs at every start
        except OSError:
            continue
        for match in filter(None, map(_DIST_INFO.match, names)):
            found.setdefault(re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"])
    return tuple(sorted(found.items()))


def backend() -> str:
    """The backend that MLX takes by default here: `metal`, `cuda` or `cpu`."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "metal"
    if any(name.startswith("mlx-cuda") for name in installed_versions()) and (_NVIDIA / "version").exists():
        return "cuda"
    return "cpu"


def libc() -> str:
    """The C library and its version, `glibc 2.36`; `unknown` where the system does not tell, as musl."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    except ValueError:
        return "unknown"


def chip_family() -> str:
    """`Apple M2` (variants of a family alike), a GPU's model on CUDA, else the architecture and its vector level."""
    if sys.platform == "darwin":
        brand = sysctl.read("machdep.cpu.brand_string") or platform.machine()
        match = re.match(r"Apple M\d+", brand)
        return match[0] if match else brand
    if backend() == "cuda":
        return _gpu_model() or "nvidia"
    flags = blas.cpu_flags()
    if platform.machine() == "x86_64":
        return "x86_64 avx2 fma" if {"avx2", "fma"} <= flags else "x86_64"
    return platform.machine()


def _gpu_model() -> str | None:
    for path in sorted(_NVIDIA.glob("gpus/*/information")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "Model":
                return value.strip()
    return None
