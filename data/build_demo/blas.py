"""Puts the fast BLAS in front of MLX's own, as every run of a campaign does. Import this module before `mlx.core`."""

from __future__ import annotations

import ctypes
import os
import sys

from runner.machine import blas


def _activate() -> blas.Blas | None:
    found = blas.find()
    os.environ.update(blas.child_environment(found))
    if found and "mlx.core" not in sys.modules:
        ctypes.CDLL(found.path, mode=ctypes.RTLD_GLOBAL)
    return found


BLAS = _activate()
