"""The memory tests that trace and run models need the MLX packages."""

import importlib.util

if importlib.util.find_spec("mlx") is None:
    collect_ignore = ["test_layout.py", "test_simulation.py", "test_trace.py", "test_fit.py"]
