"""The BLAS that stands in front of MLX's CPU backend on Linux, tried in a child as a worker would use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from runner.canonical import short
from runner.doctor.finding import Finding
from runner.machine.blas import CHOICE_VARIABLE, Blas, child_environment, find
from runner.machine.environment import backend

_SECONDS = 60
# Prints what the library says of itself, and its rate on one product of two 512 × 512 matrices.
_PROGRAM = """
import ctypes, json, sys, time
library = ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
library.sgemm_
library.openblas_get_config.restype = library.openblas_get_corename.restype = ctypes.c_char_p
n = 512
a, b, c = ((ctypes.c_float * (n * n))(*([0.5] * (n * n))) for _ in range(3))
gemm = library.cblas_sgemm
gemm.argtypes = [ctypes.c_int] * 6 + [ctypes.c_float, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
                                      ctypes.c_float, ctypes.c_void_p, ctypes.c_int]
gemm.restype = None
best = 1e9
for _ in range(5):
    start = time.perf_counter()
    gemm(101, 111, 111, n, n, n, 1.0, a, n, b, n, 0.0, c, n)
    best = min(best, time.perf_counter() - start)
assert abs(c[0] - 0.25 * n) < 1e-3
print(json.dumps({"config": library.openblas_get_config().decode(), "core": library.openblas_get_corename().decode(),
                  "threads": library.openblas_get_num_threads(), "gflops": round(2 * n**3 / best / 1e9, 1)}))
"""


def probe(root: Path) -> tuple[Finding, ...]:
    """Which library is used, with which kernel and threads, and how fast it is. Nothing to say off Linux's CPU."""
    if sys.platform != "linux" or backend() != "cpu":
        return ()
    return (describe(find()),)


def describe(library: Blas | None) -> Finding:
    """What there is to say of the library that was found, after trying it."""
    if library is None:
        remedy = "`apt-get install libopenblas0-pthread`, or install the extra `cpu`, which brings one"
        if os.environ.get(CHOICE_VARIABLE, "").lower() == "none":
            remedy = f"unset {CHOICE_VARIABLE}, which asks for MLX's own"
        text = "no OpenBLAS: matrix products run on the reference BLAS, 15–35× slower"
        return Finding("blas", "warning", text, remedy)
    values: dict[str, str | int | float | None] = {"path": library.path, "digest": library.digest}
    values |= {"core": library.core, "threads": library.threads}
    said = run(library)
    if said is None:
        remedy = f"set {CHOICE_VARIABLE} to another OpenBLAS, or to `none`"
        return Finding("blas", "problem", f"{library.path} cannot be used as a BLAS", remedy, values)
    values |= {"config": said["config"], "gflops": said["gflops"], "core": said["core"]}
    text = f"{library.name} ({short(library.digest)}), kernel {said['core']}, {said['threads']} thread, "
    text += f"{said['gflops']} GFLOP/s in fp32"
    if said["core"].lower() != library.core.lower():
        remedy = "results keep their bits on this machine only; use an OpenBLAS that was built with DYNAMIC_ARCH"
        return Finding("blas", "warning", f"{text}; the kernel {library.core} was asked for", remedy, values)
    return Finding("blas", "ok", text, values=values)


def run(library: Blas) -> dict[str, Any] | None:
    """What the library says of itself in a child with a worker's environment; None where it fails."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM, library.path],
            env={**os.environ, **child_environment(library)},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
        value = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return value if isinstance(value, dict) else None
