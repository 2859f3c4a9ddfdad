"""The memory tests that trace and run models need the MLX packages, and the fast BLAS in front of them."""

import importlib.util
import os
import sys

from runner.engines.device import activate_blas
from runner.machine import blas

if importlib.util.find_spec("mlx") is None:
    collect_ignore = ["test_layout.py", "test_simulation.py", "test_trace.py", "test_fit.py"]
elif "mlx.core" not in sys.modules and "LORARUN_BLAS" not in os.environ:
    found = blas.find()
    os.environ["LORARUN_BLAS"] = found.path if found else "none"
    activate_blas()
    os.environ["LORARUN_BLAS"] = "none"  # it is loaded; nobody asks again in this process
