"""What must happen before MLX is imported: the fast BLAS is loaded, and mx.compile is turned off where it only costs.

Imports no MLX. The worker calls `activate_blas` first; everything else in this room may then import MLX.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from runner.errors import InvalidError

BLAS_VARIABLE = "LORARUN_BLAS"


def activate_blas() -> str | None:
    """Load the OpenBLAS that `LORARUN_BLAS` names in front of MLX's own, and return its path; None if none is named.

    Raises:
        InvalidError: the file is missing or not a library, or MLX was imported already (it would keep its own BLAS).
    """
    if sys.platform == "linux":
        # The CPU backend compiles with g++ at run time: seconds on a cold cache and no gain (mlx 0.32).
        os.environ.setdefault("MLX_DISABLE_COMPILE", "1")
    path = os.environ.get(BLAS_VARIABLE, "")
    if not path or path.lower() == "none":
        return None
    if path in _ACTIVATED:
        return path
    if "mlx.core" in sys.modules:
        raise InvalidError(f"`{BLAS_VARIABLE}` must be loaded before MLX, and MLX is loaded already")
    if not Path(path).is_file():
        raise InvalidError(f"`{BLAS_VARIABLE}` names `{path}`, which is not there", help="run `lorarun doctor`")
    try:
        ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise InvalidError(f"`{BLAS_VARIABLE}` names `{path}`, which does not load: {error}") from error
    _ACTIVATED.add(path)
    return path


_ACTIVATED: set[str] = set()
