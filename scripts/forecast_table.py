"""Forecasts of the two models of specs/ticket019.yaml, from the facts that ship with the package; nothing is loaded.

Run `python scripts/forecast_table.py [model …]`; docs/memory.md shows its output.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner.machine.blas import child_environment
from runner.memory.forecast import RowShape, TuneShape, forecast
from runner.models.facts import shipped_facts
from runner.spec.model import LoraSpec, TrainSpec

MODELS = {
    "mlx-community/Llama-3.2-3B-Instruct-4bit": (),
    "mlx-community/Qwen3-VL-8B-Instruct-4bit": ((1, 32, 32),),  # one image of 512 × 512 pixels a row
}
LENGTHS = (512, 1024, 2048)
MICRO = (1, 2, 4)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    lora, train = LoraSpec(rank=8, alpha=16.0, dropout=0.1), TrainSpec(batch_size=4)
    for name, grids in MODELS.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        facts = shipped_facts(name)
        assert facts is not None
        say(f"\n{name}: rank 8 on q, k, v, o of all layers, dropout 0.1, GB\n")
        say("| tokens a row | labels | checkpointing | micro-batch 1 | 2 | 4 | seconds |")
        say("|---:|---:|---|---:|---:|---:|---:|")
        for length in LENGTHS:
            for labels, recompute in ((length // 4, True), (length - 1, True), (length - 1, False)):
                began = time.monotonic()
                rows = (RowShape(length, labels, grids),) * 4
                shape = TuneShape(lora, train, rows, (), tuple((m, recompute) for m in MICRO))
                found = forecast(facts.config, dtype="stored", tunes={"t": shape}, generations={},
                                 environment=child_environment(None))  # fmt: skip
                peaks = " | ".join(f"{c.peak.peak_bytes / 1e9:.1f}" for c in found.tunes["t"])
                seconds = time.monotonic() - began
                word = "yes" if recompute else "no"
                say(f"| {length} | {labels} | {word} | {peaks} | {seconds:.0f} |")


if __name__ == "__main__":
    main()
