"""The program that opens an adapter as any user would: `python -m runner.engines.official REQUEST`.

A fresh process, the packages' own loader with `adapter_path`, and nothing of what trained the adapter. REQUEST is a
JSON file that names the checkpoint, the adapter, a file of logits to compare with, and where to write the answer.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from runner.engines.device import activate_blas
from runner.files import read_json, write_json

REFUSED = (ValueError, KeyError, TypeError, OSError, RuntimeError, AttributeError, ImportError)


def main(arguments: list[str]) -> int:
    """Load, compare and answer; what the loader raises is an answer as well."""
    request = read_json(Path(arguments[0]))
    activate_blas()  # before anything imports MLX
    loading = importlib.import_module("runner.engines.official_load")
    folder, adapter = Path(request["checkpoint"]), Path(request["adapter"])
    try:
        answer = loading.compare(loading.open_as_anyone_would(folder, adapter), Path(request["logits"]))
    except REFUSED as error:
        answer = {"refused": f"{type(error).__name__}: {error}"[:400]}
    write_json(Path(request["answer"]), answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
