"""Records, and recomputes, the digests of what the build makes: data/models/DIGESTS.json.

    python -m data.build_demo.digests          compare the files with the record
    python -m data.build_demo.digests --write  record the files as they are

Files are digested byte for byte. `four_steps` digests each model's tensors after four steps of a small pretraining:
quick to repeat, and equal wherever the environment class is equal.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import data.build_demo.blas  # noqa: F401  before mlx.core

# isort: split
import mlx.core as mx
import numpy as np

from data.build_demo import llama, qwen
from runner.canonical import digest_bytes, digest_file, digest_value
from runner.files import read_json, write_json
from runner.machine.environment import environment_class

DATA = Path(__file__).parent.parent
RECORD = DATA / "models" / "DIGESTS.json"
MODELS = ("llama_tiny", "qwen3_vl_tiny")


def digest_tensors(path: Path) -> str:
    """Digest of a safetensors file's tensors by name, type, shape and bytes: equal tensors, equal digest."""
    tensors = {name: np.array(value) for name, value in sorted(mx.load(str(path)).items())}
    return digest_value({name: [str(t.dtype), list(t.shape), digest_bytes(t.tobytes())] for name, t in tensors.items()})


def digests_of_files() -> dict[str, str]:
    """Every committed file of both models and of the demo's data; pictures as one digest a split."""
    files = [p for name in MODELS for p in sorted((DATA / "models" / name).iterdir())]
    files += sorted(p for p in (DATA / "demo").iterdir() if p.is_file())
    digests = {p.relative_to(DATA).as_posix(): digest_file(p) for p in files}
    for split in sorted(p for p in (DATA / "demo").iterdir() if p.is_dir()):
        pictures = {p.name: digest_file(p) for p in sorted(split.iterdir())}
        digests[f"demo/{split.name}/"] = digest_value(pictures)
    return digests


def digests_after_four_steps() -> dict[str, str]:
    """Both models' tensors after four steps on 256 rows."""
    digests = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, module in (("llama_tiny", llama), ("qwen3_vl_tiny", qwen)):
            out = Path(folder) / name
            module.build(out, stop_after=4, recipe=replace(module.RECIPE, rows=256))
            digests[name] = digest_tensors(out / "model.safetensors")
    return digests


def main(arguments: list[str]) -> int:
    """Write or compare; 1 where something differs."""
    parser = argparse.ArgumentParser(description="digests of the demo's data and models")
    parser.add_argument("--write", action="store_true", help="record the files as they are")
    found: dict[str, Any] = {"files": digests_of_files(), "four_steps": digests_after_four_steps()}
    found["environment"] = environment_class()
    if parser.parse_args(arguments).write:
        write_json(RECORD, found)
        return 0
    recorded = read_json(RECORD)
    for part, values in found.items():
        for name in sorted(values.keys() | recorded[part].keys()):
            if values.get(name) != recorded[part].get(name):
                print(f"{part}: {name} is {values.get(name)}, recorded {recorded[part].get(name)}")
    return int(found["files"] != recorded["files"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
