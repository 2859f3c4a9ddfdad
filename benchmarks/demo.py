"""The whole demo campaign, `lorarun apply specs/demo.yaml` in a fresh copy, against a script of the official commands.

python benchmarks/demo.py                # 5 interleaved rounds: the script one by one, the script in batches, ours
python benchmarks/demo.py 1 batch        # one pair against the script in batches alone

The script (arms/campaign.py) trains, makes the chain's data and answers before and after; ours does all that and
also rehearses, attributes, repeats for consistency and determinism, scores, judges and records. "same work" is the
share of our steps' time that went into what the script does too.
CPU seconds hold every child; memory is the greatest footprint of one process. Prints a table of medians and puts it
in benchmarks/results/demo.json.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from runner.machine import blas
from runner.machine.environment import environment_class
from runner.spec.load import load_spec

HERE = Path(__file__).parent
ROOT = HERE.parent.resolve()
PEERS = {"one": "the script, prompt by prompt", "batch": "the script, in the packages' batches"}
NEEDED = ("runner", "specs", "data", "templates", "pyproject.toml")
FIGURES = ("cpu_seconds", "wall_seconds", "peak_footprint_bytes")
LIKE_THE_SCRIPT = {  # generation steps whose answers the script makes too
    *("documents.train/qwen+qwen-lora", "documents.valid/qwen+qwen-lora"),
    *("tickets.test/qwen", "tickets.test/qwen+qwen-lora", "reports.test/llama", "reports.test/llama+llama-lora"),
    *("documents.test/qwen,llama", "documents.test/qwen+qwen-lora,llama+chain-lora"),
}


def timed(command: list[str], folder: Path, project: Path) -> dict:
    """Run a command to its end; what it and the children it waited for used."""
    environment = os.environ | blas.child_environment(blas.find()) | {"PYTHONPATH": str(project)}
    with (folder / "output.txt").open("w", encoding="utf-8") as output:
        start = time.perf_counter()
        child = subprocess.Popen(command, env=environment, cwd=project, stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    said = (folder / "output.txt").read_text(encoding="utf-8", errors="replace")
    if child.returncode:
        raise SystemExit(f"{said[-4000:]}\n{' '.join(command)} ended with {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    figures = (used.ru_utime + used.ru_stime, wall, used.ru_maxrss * unit)
    return dict(zip(FIGURES, figures, strict=True)) | {"said": said.strip().splitlines()[-1:]}


def fresh_copy(folder: Path) -> Path:
    project = folder / "project"
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            project.mkdir(exist_ok=True)
            shutil.copy(source, project / name)
    return project


def ours(folder: Path) -> dict:
    project = fresh_copy(folder)
    program = "from runner.cli.main import run; run()"
    made = timed([sys.executable, "-c", program, "apply", "specs/demo.yaml"], folder, project)
    found = manifests(project)
    # the guard resets a worker's high-water mark before each step, so the mark at its end is of the last one alone
    peak = max(made["peak_footprint_bytes"], *(m["memory"]["peak_bytes"] for m in found))
    return made | {"peak_footprint_bytes": peak, "steps": {m["step"]: m["seconds"] for m in found}}


def manifests(project: Path) -> list[dict]:
    """Of all steps, in the order in which they ended."""
    found = [json.loads(p.read_text(encoding="utf-8")) for p in (project / "artifacts").glob("*/**/manifest.json")]
    return sorted(found, key=lambda m: m["created"])


def peer(how: str, folder: Path) -> dict:
    made = timed([sys.executable, str(HERE / "arms" / "campaign.py"), how, str(ROOT), str(folder)], folder, ROOT)
    answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    return made | {"exact": exact(answers)}


def exact(answers: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, float]]:
    """The share of answers that equal their reference to the letter: whether the script did learn what it should."""
    home = ROOT / load_spec(ROOT / "specs" / "demo.yaml", ROOT).datasets["tickets"].path
    rows = [json.loads(line) for line in (home / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    columns = {"image_analysis": "analysis", "summary": "summary", "chain": "filing"}
    return {
        name: {
            when: sum(text.strip() == row[columns[name]] for text, row in zip(texts, rows, strict=True)) / len(rows)
            for when, texts in arms.items()
        }
        for name, arms in answers.items()
    }


def measure(rounds: int, peers: list[str]) -> dict[str, list[dict]]:
    made: dict[str, list[dict]] = {arm: [] for arm in (*peers, "ours")}
    for _ in range(rounds):
        for arm, results in made.items():
            with tempfile.TemporaryDirectory() as name:
                results.append(ours(Path(name)) if arm == "ours" else peer(arm, Path(name)))
            print(f"{PEERS.get(arm, arm)}: {results[-1]['cpu_seconds']:.1f} CPU s", file=sys.stderr)
    return made


def compared(made: dict[str, list[dict]]) -> list[dict]:
    """A row of medians for each peer that was run."""
    rows = []
    own = made["ours"]
    for arm, results in made.items():
        if arm == "ours":
            continue
        row = {"workload": "the demo campaign", "peer": arm, "pairs": len(results), "exact": results[0]["exact"]}
        for key in FIGURES:
            theirs, mine = (statistics.median(r[key] for r in some) for some in (results, own))
            row[key] = {"peer": theirs, "ours": mine, "ratio": theirs / mine}
        row["ours_same_work"] = statistics.median(same_work(r["steps"]) for r in own)
        rows.append(row | {"ours_steps": own[0]["steps"], "ours_said": own[0]["said"]})
    return rows


def same_work(seconds: dict[str, float]) -> float:
    """The share of all steps' wall time that went into those whose results the script makes too."""
    same = [
        used
        for step, used in seconds.items()
        if step.startswith("tune/") or step.removeprefix("generate/") in LIKE_THE_SCRIPT
    ]
    return sum(same) / sum(seconds.values())


def line(row: dict) -> str:
    cpu, wall, memory = (row[key] for key in FIGURES)
    parts = [
        f"{PEERS[row['peer']]:38s} {cpu['peer']:7.1f} {cpu['ours']:7.1f} {cpu['ratio']:5.2f}x {wall['ratio']:5.2f}x",
        f"{memory['peer'] / 1e6:7.0f} {memory['ours'] / 1e6:7.0f} {memory['ratio']:5.2f}x",
        f"{row['ours_same_work']:11.0%}",
    ]
    return " ".join(parts)


def save(rows: list[dict]) -> None:
    """Put the measured rows in the place of older ones of the same peer."""
    path = HERE / "results" / "demo.json"
    path.parent.mkdir(exist_ok=True)
    kept = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "environment": environment_class()}
    by_peer = {row["peer"]: row for row in kept} | {row["peer"]: row | {"machine": machine} for row in rows}
    document = {"what": __doc__.splitlines()[0], "rows": [by_peer[name] for name in PEERS if name in by_peer]}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main(rounds: int = 5, chosen: str = "") -> int:
    rows = compared(measure(rounds, [name for name in PEERS if chosen in name]))
    print(f"{'':38s} CPU s: peer    ours  ratio   wall  MB: peer    ours  ratio  same work")
    for row in rows:
        print(line(row))
    save(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else ""))
