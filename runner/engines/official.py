"""The program that opens an adapter as any user would: `python -m runner.engines.official REQUEST`.

A fresh process, the packages' own loader with `adapter_path`, and nothing of what trained the adapter. REQUEST is a
JSON file that names the checkpoint, the adapter, a file of logits to compare with, and where to write the answer.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from runner.engines.device import activate_blas
from runner.files import read_json, write_json
from runner.models.facts import checkpoint_config

LM, VLM = "runner.engines.mlx_lm_api", "runner.engines.mlx_vlm_api"  # only the one that is needed is imported
REFUSED = (ValueError, KeyError, TypeError, OSError, RuntimeError, AttributeError, ImportError)


def package_of(folder: Path) -> Any:
    """The calls of the package that loads a checkpoint."""
    return importlib.import_module(VLM if checkpoint_config(folder).get("vision_config") else LM)


def main(arguments: list[str]) -> int:
    """Load, compare and answer; what the loader raises is an answer as well."""
    request = read_json(Path(arguments[0]))
    activate_blas()  # before anything imports MLX
    loading = importlib.import_module("runner.engines.official_load")
    folder, adapter = Path(request["checkpoint"]), Path(request["adapter"])
    try:
        opened = loading.open_as_anyone_would(package_of(folder), folder, adapter)
        answer = loading.compare(opened, Path(request["logits"]))
    except REFUSED as error:
        answer = {"refused": f"{type(error).__name__}: {error}"[:400]}
    write_json(Path(request["answer"]), answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
