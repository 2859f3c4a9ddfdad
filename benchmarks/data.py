"""The `prepare` step of a million text rows, read, checked, indexed and written: CPU seconds and peak memory.

Goal: under 2 GB.

make bench-data                       # 1,000,000 rows beside 2 × 2,000 held-out ones
python benchmarks/data.py 100000 20000
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runner.canonical import plain
from runner.samples.dataset import DatasetSpec
from runner.steps.context import StepRequest, Surroundings
from runner.steps.prepare import run

LIMIT_BYTES = 2 * 10**9
HELD_OUT = 2000
SYLLABLES = [chr(c) for c in range(0xAC00, 0xAC00 + 1200)]


def write(folder: Path, rows: int, held_out: int) -> None:
    """Korean rows of about 150 characters with an answer of about 30."""
    rng = random.Random(19)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(20_000)]
    for split, n in (("test", held_out), ("valid", held_out), ("train", rows)):
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as f:
            for i in range(n):
                text = " ".join(rng.choices(words, k=45))
                row = {"id": f"{split}-{i}", "text": text, "reference": " ".join(rng.choices(words, k=9))}
                f.write(json.dumps(row, ensure_ascii=False) + "\n")


def main(rows: int, held_out: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "data").mkdir()
        write(root / "data", rows, held_out)
        size = sum(p.stat().st_size for p in (root / "data").iterdir())
        before = resource.getrusage(resource.RUSAGE_SELF)
        started = time.process_time()
        splits = {split: f"{split}.jsonl" for split in ("train", "valid", "test")}
        dataset = plain(DatasetSpec("news", "data", splits=splits, prompt="요약: {text}"))
        params = {k: v for k, v in dataset.items() if k not in ("id", "path", "source")} | {"columns": []}
        (root / "out").mkdir()
        request = StepRequest(
            id="prepare/news",
            kind="prepare",
            params=params,
            inputs={"dataset": root / "data"},
            out=root / "out",
            checkpoint=root / "none",
            root=root,
        )
        measures = run(request, cast(Surroundings, None)).measures
        seconds = time.process_time() - started
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(f"rows           {sum(measures['rows'].values()):>12,}")
    print(f"file size      {size / 10**6:>12,.0f} MB")
    print(f"CPU            {seconds:>12,.1f} s  ({rows / seconds:,.0f} rows/s)")
    print(f"peak memory    {peak / 10**9:>12,.2f} GB (before: {before.ru_maxrss * unit / 10**9:.2f} GB)")
    return int(peak > LIMIT_BYTES)


if __name__ == "__main__":
    wanted = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*[*wanted, *(1_000_000, HELD_OUT)[len(wanted) :]]))
