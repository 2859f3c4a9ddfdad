"""The fast BLAS that is put in front of MLX's CPU backend on Linux.

The Linux CPU wheel of MLX links the reference BLAS. Any OpenBLAS with plain symbols that is loaded before MLX takes
its place. This module only finds one and says how a child must be started; the engines load it.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from runner.canonical import digest_file

CHOICE_VARIABLE = "LORARUN_BLAS"  # a path, or "none" for MLX's own
_CPU_INFO = Path("/proc/cpuinfo")
_WHEEL_PATTERNS = ("opencv_python*.libs/libopenblas*.so*",)
_SYSTEM_FILES = (
    "openblas-pthread/libopenblas.so.0",
    "openblas-serial/libopenblas.so.0",
    "openblas-openmp/libopenblas.so.0",
    "libopenblas.so.0",
    "libopenblasp.so.0",
)
_SYSTEM_FOLDERS = ("/usr/lib/{machine}-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")


@dataclass(frozen=True)
class Blas:
    """One OpenBLAS library and the settings that fix its bits: kernel type and thread count."""

    path: str
    name: str  # "openblas from opencv-python" | "openblas of the system" | "openblas by LORARUN_BLAS"
    digest: str  # of the file's bytes
    core: str  # the value of OPENBLAS_CORETYPE
    threads: int = 1


def core_type(machine: str, cpu_flags: frozenset[str]) -> str:
    """The OpenBLAS kernel for a processor: the newest one that practically every machine of its kind can run.

    AVX-512 machines are given the AVX2 kernel too, so that two x86-64 machines compute the same bits.
    """
    if machine in {"aarch64", "arm64"}:
        return "ARMV8"
    if {"avx2", "fma"} <= cpu_flags:
        return "Haswell"
    return "Nehalem" if "sse4_2" in cpu_flags else "Prescott"


@cache
def cpu_flags() -> frozenset[str]:
    """The processor's features as the Linux kernel names them; empty elsewhere."""
    try:
        text = _CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"flags", "Features"}:
            return frozenset(value.split())
    return frozenset()


def find() -> Blas | None:
    """The OpenBLAS for this machine: `LORARUN_BLAS`, else the one in the opencv wheel, else the system's.

    None on macOS (Accelerate and Metal are used there), where there is none, and where `LORARUN_BLAS` is `none`.
    """
    if sys.platform != "linux":
        return None
    choice = os.environ.get(CHOICE_VARIABLE, "")
    if choice.lower() == "none":
        return None
    return _found(choice, tuple(sys.path))


@cache
def _found(choice: str, search_path: tuple[str, ...]) -> Blas | None:
    core = core_type(platform.machine(), cpu_flags())
    for path, name in _candidates(choice, search_path):
        if path.is_file():
            return Blas(path=str(path), name=name, digest=digest_file(path), core=core)
    return None


def _candidates(choice: str, search_path: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    if choice:
        yield Path(choice), f"openblas by {CHOICE_VARIABLE}"
    for folder in search_path:
        for pattern in _WHEEL_PATTERNS:
            for path in sorted(Path(folder or ".").glob(pattern)):
                yield path, "openblas from opencv-python"
    for template in _SYSTEM_FOLDERS:
        for name in _SYSTEM_FILES:
            yield Path(template.format(machine=platform.machine())) / name, "openblas of the system"


def child_environment(blas: Blas | None) -> dict[str, str]:
    """Variables to set for a process that loads MLX, so that it computes the same bits each time and stays offline."""
    variables = {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        CHOICE_VARIABLE: "none",
    }
    if sys.platform == "linux":
        # mx.compile calls a C++ compiler at run time on the CPU backend: seconds on a cold cache, and no gain there.
        variables["MLX_DISABLE_COMPILE"] = "1"
        # also where no fast BLAS was found: NumPy brings an OpenBLAS, and the features of images go through it
        variables["OPENBLAS_CORETYPE"] = core_type(platform.machine(), cpu_flags())
    if blas:
        variables |= {
            CHOICE_VARIABLE: blas.path,
            "OPENBLAS_NUM_THREADS": str(blas.threads),
            "OPENBLAS_CORETYPE": blas.core,
        }
    return variables
