"""Training and evaluation against the installed packages' own trainers and generators, in interleaved process pairs.

python benchmarks/train.py              # 5 pairs of every workload
python benchmarks/train.py 3 VLM        # 3 pairs of the workloads whose name holds VLM
python benchmarks/train.py 0            # write the table of the figures that are there

One BLAS thread. The last column is the share of our CPU time that the matrix products alone would take
at the rate of a plain product. Prints a table of medians, puts them in benchmarks/results/train.json, and the table of
all that lies there into docs/training.md.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from runner.machine import blas
from runner.machine.environment import environment_class

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "train.json"
DOCUMENT = HERE.parent / "docs" / "training.md"
MARKS = ("<!-- figures: python benchmarks/train.py -->\n", "<!-- end of figures -->\n")
HEADER = """| workload | pairs | CPU s: peer | ours | ratio | wall | peak memory | products | greatest loss difference |
|---|---|---|---|---|---|---|---|---|
"""
WORKLOADS = {
    "text, dropout 0.1, head/body 0.28": ("text", "peer"),
    "text, dropout 0.1, head/body 0.08": ("text", "peer"),
    "text, dropout 0, 150 shared tokens": ("text", "peer"),
    "text, LoRA on 2 of 4 layers, 3 epochs": ("text", "peer"),
    "VLM, dropout 0.1, 3 epochs": ("images", "peer"),
    "VLM, dropout 0, 3 epochs": ("images", "peer"),
    "evaluation of 64 prompts": ("answers", "peer", "batch"),
}


def run(program: str, arm: str, workload: str, folder: Path, number: int) -> dict:
    out = folder / f"{arm}-{number}.json"
    environment = os.environ | blas.child_environment(blas.find()) | {"PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, str(HERE / "arms" / f"{program}.py"), arm, workload, str(out)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())


def apart(folder: Path, one: dict, other: dict, arms: tuple[str, str]) -> dict:
    """How far two arms' results lie apart, where they can be compared."""
    if "tokens" in one:
        return {"equal_answers": sum(a == b for a, b in zip(one["tokens"], other["tokens"], strict=True))}
    losses = max(abs(a - b) for a, b in zip(one["losses"], other["losses"], strict=True))
    tensors = [np.load(folder / f"{arm}-0.npz") for arm in arms]
    adapters = max(float(np.abs(tensors[0][n] - tensors[1][n]).max()) for n in tensors[0].files)
    return {"loss_difference": losses, "adapter_difference": adapters}


def measure(workload: str, pairs: int) -> list[dict]:
    program, *peers = WORKLOADS[workload]
    made: dict[str, list[dict]] = {arm: [] for arm in (*peers, "ours")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(pairs):
            for arm, results in made.items():
                results.append(run(program, arm, workload, folder, number))
        rows = []
        for arm in peers:
            row = {"workload": workload, "peer": arm, "pairs": pairs}
            for key in ("cpu_seconds", "wall_seconds", "peak_mlx_bytes", "peak_footprint_bytes"):
                theirs, mine = (statistics.median(r[key] for r in made[a]) for a in (arm, "ours"))
                row[key] = {"peer": theirs, "ours": mine, "ratio": theirs / mine}
            if "products" in made["ours"][0]:
                products = made["ours"][0]["products"]
                seconds = products["operations"] / statistics.median(
                    r["products"]["a_cpu_second"] for r in made["ours"]
                )
                row["products_share"] = seconds / row["cpu_seconds"]["ours"]
            rows.append(row | apart(folder, made[arm][0], made["ours"][0], (arm, "ours")))
    return rows


def line(row: dict) -> str:
    cpu, wall = row["cpu_seconds"], row["wall_seconds"]
    memory, footprint = row["peak_mlx_bytes"], row["peak_footprint_bytes"]
    same = f"{row['equal_answers']} equal" if "equal_answers" in row else f"{row['loss_difference']:.1e}"
    name = row["workload"] + (" (its batches)" if row["peer"] == "batch" else "")
    parts = [
        f"{name:44s} {cpu['peer']:7.2f} {cpu['ours']:7.2f} {cpu['ratio']:5.2f}x {wall['ratio']:5.2f}x",
        f"{memory['peer'] / 1e6:7.0f} {memory['ours'] / 1e6:7.0f} {memory['ratio']:5.2f}x",
        f"{footprint['ratio']:5.2f}x {same:>9s}",
        f"{row['products_share']:6.0%}" if "products_share" in row else "",
    ]
    return " ".join(parts)


def save(rows: list[dict]) -> None:
    """Put the measured rows in the place of older ones of the same workload."""
    kept = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "environment": environment_class()}
    fresh = [row | {"machine": machine} for row in rows]
    measured = {row["workload"] for row in fresh}
    merged = [row for row in kept if row["workload"] not in measured] + fresh
    order = list(WORKLOADS)
    merged.sort(key=lambda row: order.index(row["workload"]) if row["workload"] in order else len(order))
    what = {"what": __doc__.splitlines()[0], "rows": merged}
    RESULTS.write_text(json.dumps(what, indent=1) + "\n", encoding="utf-8")


def table(rows: list[dict]) -> str:
    """The measured rows as a Markdown table, rounded."""
    return HEADER + "".join(documented(row) for row in rows)


def documented(row: dict) -> str:
    cpu, memory = row["cpu_seconds"], row["peak_mlx_bytes"]
    name = row["workload"] + (", against its batches" if row["peer"] == "batch" else "")
    peak = f"{memory['peer'] / 1e6:,.0f} → {memory['ours'] / 1e6:,.0f} MB"
    cells = [name, str(row["pairs"]), f"{cpu['peer']:.1f}", f"{cpu['ours']:.1f}", f"{cpu['ratio']:.2f}×"]
    cells += [f"{row['wall_seconds']['ratio']:.2f}×", f"{memory['ratio']:.2f}× ({peak})"]
    cells.append(f"{row['products_share']:.0%}" if "products_share" in row else "")
    if "equal_answers" in row:
        cells.append(f"{row['equal_answers']} answers equal")
    else:
        cells.append(f"{row['loss_difference']:.1e}" + (" (other masks)" if "dropout 0," not in name else ""))
    return "| " + " | ".join(cells) + " |\n"


def document() -> None:
    """Put the table of all figures that are there between the marks of docs/training.md."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    made = table(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"])
    DOCUMENT.write_text(before + MARKS[0] + made + MARKS[1] + after, encoding="utf-8")


def main(pairs: int = 5, chosen: str = "") -> int:
    print(f"{'':44s} CPU s: peer    ours  ratio   wall  MB: peer    ours  ratio   RSS  loss diff. products")
    rows = []
    for workload in WORKLOADS:
        if pairs and chosen in workload:
            for row in measure(workload, pairs):
                rows.append(row)
                print(line(row), flush=True)
            save(rows)  # each workload as it is done
    document()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else ""))
