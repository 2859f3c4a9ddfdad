"""The memory tests that trace models need the MLX packages."""

import importlib.util

if importlib.util.find_spec("mlx") is None:
    collect_ignore = ["test_fit.py"]
