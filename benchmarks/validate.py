"""CPU seconds of `lorarun --help`, `lorarun validate specs/ticket019.yaml` and of a spec of 5,000 lines.

Run from the project's root: `python benchmarks/validate.py`. Each figure is the least of several whole processes, user
and system time together. The budgets are 0.3, 0.4 and 2 seconds; exit code 1 where one is not met.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5


def large_spec() -> str:
    """A valid spec of 5,000 lines: many models, data sets, tunes and evaluations in block style."""
    models, datasets, tunes, evaluations, targets = [], [], [], [], []
    for i in range(135):
        models += [f"  m{i}:", "    family: llama", f"    path: data/models/m{i}", "    revision: main"]
        datasets += [
            f"  d{i}:",
            f"    path: data/d{i}",
            "    splits:",
            "      train: train.jsonl",
            "      valid: valid.jsonl",
        ]
        datasets += ["      test: test.jsonl", '    prompt: "요약: {text}"', "    reference: summary"]
        tunes += [f"  t{i}:", f"    model: m{i}", f"    dataset: d{i}", "    lora:", "      rank: 8", "      alpha: 16"]
        tunes += ["    train:", "      epochs: 3", "      learning_rate: 2e-5"]
        evaluations += [f"  e{i}:", f"    subject: t{i}", f"    dataset: d{i}", "    metrics:", "      - rougeL"]
        evaluations += ["      - name: rouge1", "        unit: word", "      - failure_rate", "    generate:"]
        evaluations += ["      max_tokens: 128"]
        targets += [
            f"    - id: q{i}",
            f"      title: 목표 {i}",
            f"      metric: e{i}.rougeL",
            "      min_improvement: 15%",
        ]
        targets += ["      proof: above_baseline", "      min_samples: 100"]
    head = ["apiVersion: lorarun/v1", "kind: Campaign", "metadata: {name: large}", "limits: {memory: 20GB}"]
    sections = (("models", models), ("datasets", datasets), ("tunes", tunes), ("evaluations", evaluations))
    body = [line for name, lines in sections for line in (f"{name}:", *lines)]
    return "\n".join([*head, *body, "acceptance:", "  targets:", *targets]) + "\n"


def cpu_seconds(*arguments: str) -> float:
    """The least CPU time of one command line in a process of its own."""
    best = float("inf")
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "runner.cli.main", *arguments], cwd=ROOT, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return best


def main() -> int:
    """Print a line a figure; 1 where a budget is not met."""
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.yaml"
        text = large_spec()
        large.write_text(text, encoding="utf-8")
        rows = (
            ("lorarun --help", 0.3, cpu_seconds("--help")),
            ("lorarun validate specs/ticket019.yaml", 0.4, cpu_seconds("validate", "specs/ticket019.yaml")),
            (f"a spec of {text.count(chr(10)):,} lines", 2.0, cpu_seconds("validate", "--no-inputs", str(large))),
        )
    for name, budget, seconds in rows:
        print(f"{name:40} {seconds:6.3f} s of {budget} s {'' if seconds <= budget else 'TOO SLOW'}")
    return int(any(seconds > budget for _, budget, seconds in rows))


if __name__ == "__main__":
    sys.exit(main())
